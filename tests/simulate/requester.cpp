#include <deque>
#include <optional>
#include <utility>

#include "tests/simulate/certificates.hpp"
#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

class requester final : public visitor {
public:
  requester(surroundings& around, destination to, bool secure)
    : visitor(around, std::move(to)), secure_(secure) {
    left_ = 1 + around.chance.below(6);
    pipelines_ = around.chance.below(3) == 0;
    if (secure_)
      end_.say(connect_to(to_.name + ":443"));
    else
      begin();
  }
  std::string name() const override {
    return std::string{secure_ ? "secure " : ""} + (pipelines_ ? "pipelining client" : "client");
  }

private:
  struct asked {
    uint64_t id, size;
    bool post;
  };

  void begin() {
    inside_ = true;
    do
      ask();
    while (pipelines_ && left_ > 0);
  }

  /// The tunnel, and TLS in it.
  void open() {
    auto head = take_head(end_.text);
    if (!head)
      return;
    if (head->status != 200) {
      demand_storm("CONNECT: status " + std::to_string(head->status));
      return leave();
    }
    end_.speak_tls(*certificates::of_all_worlds().client_trusts, to_.name);
    begin();
  }

  void ask() {
    --left_;
    asked one{around_.next_id++,
              around_.chance.below(around_.chance.below(4) == 0 ? 200'000 : 2000),
              around_.chance.below(3) == 0};
    auto where = secure_ ? to_.name : to_.text();
    auto text = std::string{one.post ? "POST " : "GET "} + (secure_ ? "" : "http://" + where) +
                '/' + std::to_string(one.id) + '/' + std::to_string(one.size) +
                " HTTP/1.1\r\nHost: " + where + "\r\n";
    if (one.post)
      text += "Content-Length: " + std::to_string(one.size) + "\r\n";
    text += "\r\n";
    if (one.post)
      text += bytes_of(one.id, 0, static_cast<size_t>(one.size));
    end_.say(text);
    waiting_.push_back(one);
  }

  void go_on() override {
    if (!inside_)
      return open();
    while (!waiting_.empty()) {
      if (!head_) {
        head_ = take_head(end_.text);
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
      auto part = end_.text.substr(0, static_cast<size_t>(head_->length - got_));
      if (head_->status == 200 && !waiting_.front().post)
        demand(are_bytes_of(waiting_.front().id, got_, part),
               name() + ": other bytes than were sent to it");
      end_.text.erase(0, part.size());
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

  const bool secure_;
  bool inside_ = false; ///< What it speaks to is who answers its requests.
  std::deque<asked> waiting_;
  std::optional<answer> head_;
  uint64_t got_ = 0;
  uint64_t left_ = 0;
  bool pipelines_ = false;
};

} // namespace

visitor_ptr make_requester(surroundings& around, destination to) {
  return std::make_unique<requester>(around, std::move(to), false);
}

visitor_ptr make_secure_requester(surroundings& around, destination to) {
  return std::make_unique<requester>(around, std::move(to), true);
}

} // namespace proxy::simulate
