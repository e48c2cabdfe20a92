#include "tests/simulate/visitor.hpp"

#include <cstdlib>
#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

visitor::visitor(surroundings& around, destination to)
  : around_(around), to_(std::move(to)), end_(around.on), began_(around.time.now()) {
  end_.connect(around.proxy, around.port);
}

bool visitor::step() {
  if (!end_.is_open())
    return true;
  end_.move();
  go_on();
  if (end_.is_open() && end_.is_over()) {
    is_cut_off();
    end_.close();
  }
  if (end_.is_open())
    end_.move(0);
  return !end_.is_open();
}

void visitor::demand_storm(const std::string& what) const {
  demand(!around_.calm, name() + ": " + what + ", though all was calm");
}

namespace {

using namespace std::chrono_literals;

struct answer {
  int status = 0;
  uint64_t length = 0;
};

/// Takes the head of an answer from the front. @returns nothing while it is not whole.
std::optional<answer> take_head(std::string& in) {
  auto end = in.find("\r\n\r\n");
  if (end == std::string::npos)
    return std::nullopt;
  auto head = in.substr(0, end + 4);
  in.erase(0, end + 4);
  demand(head.starts_with("HTTP/1.1 "), "no HTTP comes out of the proxy: " + head.substr(0, 40));
  answer out{std::atoi(head.c_str() + 9), 0};
  for (auto name : {"\r\nContent-Length: ", "\r\ncontent-length: "})
    if (auto at = head.find(name); at != std::string::npos)
      out.length = std::strtoull(head.c_str() + at + 18, nullptr, 10);
  return out;
}

/// Requests one after the other, or several at once, on one connection; GET and POST.
class requester final : public visitor {
public:
  requester(surroundings& around, destination to) : visitor(around, std::move(to)) {
    left_ = 1 + around.chance.below(6);
    pipelines_ = around.chance.below(3) == 0;
    do
      ask();
    while (pipelines_ && left_ > 0);
  }
  std::string name() const override { return pipelines_ ? "pipelining client" : "client"; }

private:
  struct asked {
    uint64_t id, size;
    bool post;
  };

  void ask() {
    --left_;
    asked one{around_.next_id++,
              around_.chance.below(around_.chance.below(4) == 0 ? 200'000 : 2000),
              around_.chance.below(3) == 0};
    auto where = to_.text();
    auto path = "/" + std::to_string(one.id) + "/" + std::to_string(one.size);
    end_.out += (one.post ? "POST http://" : "GET http://") + where + path +
                " HTTP/1.1\r\nHost: " + where + "\r\n";
    if (one.post)
      end_.out += "Content-Length: " + std::to_string(one.size) + "\r\n";
    end_.out += "\r\n";
    if (one.post)
      end_.out += bytes_of(one.id, 0, static_cast<size_t>(one.size));
    waiting_.push_back(one);
  }

  void go_on() override {
    while (!waiting_.empty()) {
      if (!head_) {
        head_ = take_head(end_.in);
        got_ = 0;
        if (!head_)
          return;
        if (head_->status != 200)
          demand_storm("status " + std::to_string(head_->status));
        if (head_->status == 100)
          head_.reset();
        else if (head_->status == 200 && !waiting_.front().post)
          demand(head_->length == waiting_.front().size, name() + ": another answer's length");
      }
      if (!head_)
        continue;
      auto part = end_.in.substr(0, static_cast<size_t>(head_->length - got_));
      if (head_->status == 200 && !waiting_.front().post)
        demand(are_bytes_of(waiting_.front().id, got_, part),
               name() + ": other bytes than were sent to it");
      end_.in.erase(0, part.size());
      got_ += part.size();
      if (got_ < head_->length)
        return;
      head_.reset();
      waiting_.pop_front();
      if (waiting_.empty() && left_ == 0)
        return leave();
      if (!pipelines_)
        ask();
    }
  }

  std::deque<asked> waiting_;
  std::optional<answer> head_;
  uint64_t got_ = 0;
  uint64_t left_ = 0;
  bool pipelines_ = false;
};

/// A tunnel to whoever sends back what it is sent; ends its half and waits for the other's.
class tunneller final : public visitor {
public:
  tunneller(surroundings& around, destination to) : visitor(around, std::move(to)) {
    socks_ = around.chance.below(3) == 0;
    auto where = to_.text() + ":7";
    if (socks_)
      end_.out = socks_greeting + socks_request();
    else
      end_.out = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n\r\n";
    id_ = around.next_id++;
    size_ = around.chance.below(around.chance.below(3) == 0 ? 600'000 : 5000);
  }
  std::string name() const override { return socks_ ? "SOCKS tunnel" : "tunnel"; }

private:
  static inline const std::string socks_greeting{"\x05\x01\x00", 3}; // RFC 1928 §3

  /// CONNECT to port 7, by address or by name (§4).
  [[nodiscard]] std::string socks_request() const {
    std::string out{"\x05\x01\x00", 3};
    if (to_.name.empty()) {
      out += '\x01';
      for (auto byte : std::span{to_.address.bytes()}.last(4))
        out += static_cast<char>(byte);
    } else {
      out += '\x03';
      out += static_cast<char>(to_.name.size());
      out += to_.name;
    }
    return out + std::string{"\x00\x07", 2};
  }

  /// The status of the answer in HTTP's terms; nothing while it is not whole.
  std::optional<int> take_answer() {
    if (!socks_) {
      auto head = take_head(end_.in);
      return head ? std::optional{head->status} : std::nullopt;
    }
    constexpr size_t chosen = 2, reply = 10; // an IPv4 address in it
    if (end_.in.size() < chosen + reply)
      return std::nullopt;
    demand(end_.in.starts_with(std::string{"\x05\x00\x05", 3}), "no SOCKS comes out of the proxy");
    auto code = end_.in[3];
    demand(end_.in[5] == 1, "a SOCKS reply with another address than IPv4");
    end_.in.erase(0, chosen + reply);
    return code == 0 ? 200 : 500 + code;
  }

  void go_on() override {
    if (!open_) {
      auto status = take_answer();
      if (!status)
        return;
      if (*status != 200) {
        demand_storm("CONNECT: status " + std::to_string(*status));
        return leave();
      }
      open_ = true;
    }
    if (said_ < size_ && end_.out.size() < 50'000) {
      auto size =
        static_cast<size_t>(std::min<uint64_t>(size_ - said_, 1 + around_.chance.below(30'000)));
      end_.out += bytes_of(id_, said_, size);
      said_ += size;
    }
    if (said_ == size_)
      end_.finish();
    demand(are_bytes_of(id_, heard_, end_.in), "a tunnel: other bytes than were sent");
    heard_ += end_.in.size();
    end_.in.clear();
    demand(heard_ <= size_, "a tunnel: more bytes than were sent");
    if (heard_ < size_)
      heard_all_ = around_.time.now();
    else if (around_.time.now() > heard_all_ + 1min)
      demand_storm("its end does not come");
  }
  void is_cut_off() override {
    if (!open_ || heard_ < size_ || end_.broken)
      demand_storm("heard " + std::to_string(heard_) + " of " + std::to_string(size_) + ", said " +
                   std::to_string(said_ - end_.out.size()) + (end_.broken ? ", reset" : ", ended") +
                   " after " + std::to_string((around_.time.now() - began()) / 1ms) + " ms");
  }

  uint64_t id_ = 0, size_ = 0, said_ = 0, heard_ = 0;
  bool open_ = false, socks_ = false;
  steady_time heard_all_ = around_.time.now(); ///< The last moment when something was missing.
};

/// Says anything but what it should, or nothing, or half of it; leaves in the middle.
class troublemaker final : public visitor {
public:
  troublemaker(surroundings& around, destination to) : visitor(around, std::move(to)) {
    auto where = to_.text();
    auto request = "GET http://" + where + "/" + std::to_string(around.next_id++) +
                   "/300000 HTTP/1.1\r\nHost: " + where + "\r\n\r\n";
    switch (around.chance.below(5)) {
      case 0: end_.out = request.substr(0, around.chance.below(request.size())); break;
      case 1:
        for (int i = 0; i < 300; ++i)
          end_.out += static_cast<char>(around.chance.below(256));
        break;
      case 2: break; // nothing at all
      case 3:
        for (int i = 0; i < 20; ++i)
          end_.out += request;
        break;
      default: end_.out = request;
    }
    leaves_ = around.time.now() + std::chrono::milliseconds{around.chance.below(20'000)};
    resets_ = around.chance.below(2) == 0;
  }
  std::string name() const override { return "troublemaker"; }

private:
  void go_on() override {
    if (end_.in.size() > 100'000)
      end_.in.clear();
    if (around_.time.now() < leaves_)
      return;
    if (resets_)
      end_.reset();
    else
      leave();
  }
  void is_cut_off() override {}

  steady_time leaves_;
  bool resets_ = false;
};

} // namespace

std::unique_ptr<visitor> make_visitor(surroundings& around, destination to) {
  switch (around.chance.below(6)) {
    case 0: return std::make_unique<troublemaker>(around, std::move(to));
    case 1:
    case 2: return std::make_unique<tunneller>(around, std::move(to));
    default: return std::make_unique<requester>(around, std::move(to));
  }
}

} // namespace proxy::simulate
