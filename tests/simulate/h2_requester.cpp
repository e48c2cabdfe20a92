#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "tests/simulate/certificates.hpp"
#include "tests/simulate/h2_service.hpp"
#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"
#include "tests/support/h2_end.hpp"

namespace proxy::simulate {

namespace {

using namespace test;

class h2_requester final : public visitor {
public:
  h2_requester(surroundings& around, destination to) : visitor(around, std::move(to)) {
    account_.who = name();
    account_.asked = 1;
    end_.say(connect_to(to_.name + ":443"));
  }
  std::string name() const override { return "HTTP/2 client"; }

private:
  struct asked {
    uint64_t id, size;
    bool post;
    std::optional<uint64_t> quits_at; ///< So many bytes are enough.
    uint64_t moved = 0;               ///< Of an answer, or an upload.
    bool answered = false;
    bool said = false; ///< All of an upload, and its end.
  };

  void go_on() override {
    if (!tunnel_)
      return open();
    if (!h2_) {
      if (!end_.has_shaken_hands())
        return;
      if (!end_.speaks_h2()) // nobody reads the tunnel, and the origin does not speak it
        return leave();
      h2_.emplace(end_, true, to_.name);
      h2_->greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, draw_window(around_.chance)}});
    }
    h2_->step();
    for (auto at = open_.begin(); at != open_.end();)
      at = follow(at->first, at->second) ? open_.erase(at) : std::next(at);
    std::erase_if(h2_->streams, [this](auto& each) { return !open_.contains(each.first); });
    if (!h2_->goodbyes.empty()) {
      demand_storm("goodbye with code " + std::to_string(h2_->goodbyes.back().code));
      return leave();
    }
    while (left_ > 0 && open_.size() < width_)
      ask();
    if (open_.empty())
      leave();
  }

  void open() {
    auto head = take_head(end_.text);
    if (!head)
      return;
    if (!head->id.empty())
      account_.ids.push_back(head->id);
    if (head->status != 200) {
      demand_storm("CONNECT: status " + std::to_string(head->status));
      return leave();
    }
    ++account_.served;
    tunnel_ = true;
    end_.speak_tls(*certificates::of_all_worlds().client_trusts, to_.name,
                   {.offer = tls::alpn::either});
  }

  void ask() {
    --left_;
    ++account_.asked;
    auto& chance = around_.chance;
    asked one{around_.next_id++,
              chance.below(chance.below(4) == 0 ? 200'000 : 2000),
              chance.below(3) == 0,
              {}};
    if (chance.below(6) == 0) {
      one.quits_at = chance.below(one.size + 1);
      account_.calm = false; // the proxy may not have begun with it
    }
    auto path =
      '/' + std::to_string(one.id) + '/' + std::to_string(one.size) + '/' + "lce"[chance.below(3)];
    h2_fields more;
    if (one.post && chance.below(2) == 0) // else it is in chunks for an origin of HTTP/1.1
      more.emplace_back("content-length", std::to_string(one.size));
    open_.emplace(h2_->ask(one.post ? "POST" : "GET", path, more, !one.post), one);
  }

  /// Looks at what has come on a stream. @returns whether it is over.
  bool follow(int32_t stream, asked& one) {
    if (one.post)
      upload(stream, one);
    auto& s = h2_->streams[stream];
    auto status = h2_->status(stream);
    if (s.has_head() && !std::exchange(one.answered, true))
      note(s);
    if (s.has_head() && status != 200)
      demand_storm("status " + std::to_string(status));
    if (status == 200 && !one.post) {
      demand(are_bytes_of(one.id, one.moved, s.body),
             name() + ": other bytes than were sent to it");
      one.moved += s.body.size();
      demand(one.moved <= one.size, name() + ": more bytes than were sent to it");
      demand(!s.ended || s.reset || one.moved == one.size, name() + ": an answer ended too early");
    }
    s.body.clear();
    if (s.reset)
      demand_storm("stream reset with code " + std::to_string(*s.reset));
    if (s.is_over())
      return true;
    if (!one.quits_at || one.moved < *one.quits_at)
      return false;
    end_.say(h2::reset(stream));
    return true;
  }

  /// What the head of an answer tells of who has answered.
  void note(const h2_stream& s) {
    auto id = s["x-request-id"];
    if (!id.empty())
      account_.ids.push_back(id);
    else if (s["via"].empty())
      --account_.asked; // of the origin alone: nobody reads the tunnel
    else if (s[":status"] == "200")
      ++account_.served;
  }

  void upload(int32_t stream, asked& one) {
    if (one.said || h2_->unsent(stream) > 0)
      return;
    auto rest = (one.quits_at ? *one.quits_at : one.size) - one.moved;
    auto size = static_cast<size_t>(std::min<uint64_t>(rest, 1 + around_.chance.below(20'000)));
    auto from = std::exchange(one.moved, one.moved + size);
    one.said = !one.quits_at && one.moved == one.size;
    if (one.said || size > 0)
      h2_->data(stream, bytes_of(one.id, from, size), one.said);
  }

  bool tunnel_ = false;
  std::optional<h2_end> h2_;
  std::map<int32_t, asked> open_;
  uint64_t left_ = 1 + around_.chance.below(8);
  uint64_t width_ = 1 + around_.chance.below(4);
};

} // namespace

visitor_ptr make_h2_requester(surroundings& around, destination to) {
  return std::make_unique<h2_requester>(around, std::move(to));
}

} // namespace proxy::simulate
