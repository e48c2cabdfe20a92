#include <deque>
#include <optional>
#include <utility>

#include "tests/simulate/certificates.hpp"
#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

/// How long a client waits for 100 (Continue).
constexpr auto patience = 2s;

class requester final : public visitor {
public:
  requester(surroundings& around, destination to, bool secure)
    : visitor(around, std::move(to)), secure_(secure) {
    auto& chance = around.chance;
    is_1_0_ = !secure && chance.below(8) == 0; // it is closed behind each answer
    left_ = is_1_0_ ? 1 : 1 + chance.below(6);
    pipelines_ = !is_1_0_ && chance.below(3) == 0;
    account_.who = name();
    if (secure_) {
      ++account_.asked;
      end_.say(connect_to(to_.name + ":443"));
    } else {
      begin();
    }
  }
  std::string name() const override {
    return std::string{secure_ ? "secure " : ""} + (is_1_0_      ? "client of HTTP/1.0"
                                                    : pipelines_ ? "pipelining client"
                                                                 : "client");
  }

private:
  struct asked {
    uint64_t id, size;
    bool post;
    std::string held_back{}; ///< The body, until the other end wants it.
    steady_time since{};
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
    note(*head);
    if (head->status != 200) {
      demand_storm("CONNECT: status " + std::to_string(head->status));
      return leave();
    }
    ++account_.served;
    end_.speak_tls(*certificates::of_all_worlds().client_trusts, to_.name);
    begin();
  }

  void ask() {
    --left_;
    ++account_.asked;
    auto& chance = around_.chance;
    asked one{around_.next_id++, chance.below(chance.below(4) == 0 ? 200'000 : 2000),
              chance.below(3) == 0};
    auto where = secure_ ? to_.name : to_.text();
    auto as = chance.below(3) == 0 && !is_1_0_ ? framing::chunks : framing::length;
    // An answer that ends with its connection is the last one.
    auto how = chance.below(3) == 0 ? 'c' : left_ == 0 && chance.below(3) == 0 ? 'e' : 'l';
    auto text = std::string{one.post ? "POST " : "GET "} + (secure_ ? "" : "http://" + where) +
                '/' + std::to_string(one.id) + '/' + std::to_string(one.size) + '/' + how +
                (is_1_0_ ? " HTTP/1.0\r\nHost: " : " HTTP/1.1\r\nHost: ") + where + "\r\n";
    if (one.post)
      text += field_for(as, one.size);
    auto waits = one.post && !pipelines_ && !is_1_0_ && chance.below(3) == 0;
    if (waits)
      text += "Expect: 100-continue\r\n";
    text += "\r\n";
    if (one.post) {
      auto body = bytes_of(one.id, 0, static_cast<size_t>(one.size));
      if (as == framing::chunks)
        body = in_chunks(body, chance);
      (waits ? one.held_back : text) += body;
    }
    one.since = around_.time.now();
    end_.say(text);
    waiting_.push_back(std::move(one));
  }

  void is_cut_off() override {
    demand_storm("it was cut off, " + std::string{end_.is_broken() ? "broken" : "ended"} +
                 ", with " + std::to_string(waiting_.size()) + " answers to come, " +
                 (waiting_.empty()        ? ""
                  : waiting_.front().post ? "to an upload first, "
                                          : "") +
                 (head_ ? "after " + std::to_string(got_) + " bytes of one" : "before its head"));
  }

  /// What the head of an answer tells of who has answered.
  void note(const answer& head) {
    if (!head.id.empty())
      account_.ids.push_back(head.id);
  }

  void go_on() override {
    if (!inside_)
      return open();
    while (!waiting_.empty()) {
      auto& now = waiting_.front();
      if (!head_ && !begin_answer(now))
        return;
      if (!take_body(now))
        return;
      head_.reset();
      waiting_.pop_front();
      if (waiting_.empty() && left_ == 0)
        return leave();
      if (!pipelines_)
        ask();
    }
  }

  /// Takes a head. @returns false when there is none yet.
  bool begin_answer(asked& now) {
    head_ = take_head(end_.text);
    auto wanted = head_ && head_->status == 100;
    if (!now.held_back.empty() && (wanted || around_.time.now() > now.since + patience))
      end_.say(std::exchange(now.held_back, {}));
    if (wanted) {
      head_.reset();
      return begin_answer(now);
    }
    if (!head_)
      return false;
    note(*head_);
    if (head_->status != 200) {
      demand_storm("status " + std::to_string(head_->status));
      now.held_back.clear();
    } else if (!secure_ || head_->forwarded) {
      ++account_.served;
    } else {
      --account_.asked; // of the origin alone: nobody reads the tunnel
    }
    if (is_answer(now) && head_->how == framing::length)
      demand(head_->length == now.size, name() + ": another answer's length");
    body_ = {head_->how, head_->length};
    got_ = 0;
    return true;
  }

  bool is_answer(const asked& to) const { return head_->status == 200 && !to.post; }

  /// Takes what is there of the body. @returns whether it is whole.
  bool take_body(const asked& now) {
    auto part = body_.take(end_.text);
    if (is_answer(now))
      demand(are_bytes_of(now.id, got_, part), name() + ": other bytes than were sent to it");
    got_ += part.size();
    if (!body_.is_over() && !(body_.ends_with_connection() && end_.ended && !end_.is_broken()))
      return false;
    demand(!is_answer(now) || got_ == now.size, name() + ": an answer of " +
                                                  std::to_string(now.size) + " bytes ended after " +
                                                  std::to_string(got_));
    return true;
  }

  const bool secure_;
  bool inside_ = false; ///< What it speaks to is who answers its requests.
  std::deque<asked> waiting_;
  std::optional<answer> head_;
  body_reader body_;
  uint64_t got_ = 0;
  uint64_t left_ = 0;
  bool pipelines_ = false, is_1_0_ = false;
};

} // namespace

visitor_ptr make_requester(surroundings& around, destination to) {
  return std::make_unique<requester>(around, std::move(to), false);
}

visitor_ptr make_secure_requester(surroundings& around, destination to) {
  return std::make_unique<requester>(around, std::move(to), true);
}

} // namespace proxy::simulate
