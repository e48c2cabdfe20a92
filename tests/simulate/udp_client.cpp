#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/socks.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

class udp_client final : public visitor {
public:
  udp_client(surroundings& around, destination to) : visitor(around, std::move(to)) {
    account_.who = name();
    account_.asked = 1; // all datagrams go to one target
    account_.decided_anew = true;
    end_.say(socks::greeting + socks::request(socks::associate, {}, 0));
  }
  ~udp_client() override {
    if (fd_ >= 0)
      around_.on.close(fd_);
  }
  std::string name() const override { return "UDP client"; }

private:
  struct sent {
    size_t size;
    bool heard = false;
  };

  void go_on() override {
    if (fd_ < 0 && !open())
      return;
    auto now = around_.time.now();
    if (left_ > 0 && now >= next_) {
      send();
      last_ = now;
      next_ = now + std::chrono::milliseconds{around_.chance.below(300)};
    }
    take();
    auto all = std::ranges::all_of(sent_, [](const auto& each) { return each.second.heard; });
    if (left_ > 0 || (!all && now < last_ + 20s))
      return;
    if (!all)
      demand_storm("a datagram did not come back");
    leave();
  }

  /// @returns whether the association stands.
  bool open() {
    auto reply = socks::take_reply(end_.text);
    if (!reply)
      return false;
    if (reply->code != 0) {
      demand_storm("associate: code " + std::to_string(reply->code));
      leave();
      return false;
    }
    relay_ = make_sockaddr(around_.proxy, reply->port);
    fd_ = around_.on.open(socket_kind::datagram, AF_INET);
    auto here = make_sockaddr(*end_.own_address().ip(), 0);
    demand(around_.on.bind(fd_, here.get(), here.size) == 0, "a client has no UDP");
    return true;
  }

  void send() {
    --left_;
    auto id = around_.next_id++;
    auto size = around_.chance.below(around_.chance.below(4) == 0 ? 1400 : 100);
    sent_.emplace(id, sent{size});
    auto bytes = socks::datagram_head(to_, udp_port) + std::to_string(id) + ' ' +
                 bytes_of(id, 0, static_cast<size_t>(size));
    iovec part{bytes.data(), bytes.size()};
    datagram_row row{&relay_, {&part, 1}, 0};
    (void)around_.on.send(fd_, {&row, 1});
  }

  void take() {
    char block[4096];
    for (ssize_t n; (n = around_.on.receive_from(fd_, block, nullptr)) >= 0;) {
      std::string_view all{block, static_cast<size_t>(n)};
      auto head = socks::datagram_head(to_, udp_port); // as the client has named it
      demand(all.starts_with(head), name() + ": a datagram of somebody else's");
      all.remove_prefix(head.size());
      auto id = std::strtoull(std::string{all}.c_str(), nullptr, 10);
      auto found = sent_.find(id);
      demand(found != sent_.end(), name() + ": a datagram that was sent to somebody else");
      all.remove_prefix(std::min(all.size(), all.find(' ') + 1));
      demand(all.size() == found->second.size && are_bytes_of(id, 0, all),
             name() + ": other bytes than were sent to it");
      account_.served = 1;
      if (std::exchange(found->second.heard, true))
        demand_storm("a datagram came twice");
    }
  }

  int fd_ = -1;
  ip_sockaddr relay_;
  std::map<uint64_t, sent> sent_;
  uint64_t left_ = 1 + around_.chance.below(12);
  steady_time next_{}, last_{};
};

} // namespace

visitor_ptr make_udp_client(surroundings& around, destination to) {
  return std::make_unique<udp_client>(around, std::move(to));
}

} // namespace proxy::simulate
