#include <algorithm>
#include <optional>
#include <utility>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/socks.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

class tunneller final : public visitor {
public:
  tunneller(surroundings& around, destination to) : visitor(around, std::move(to)) {
    socks_ = around.chance.below(3) == 0;
    if (socks_)
      end_.say(socks::greeting + socks::request(socks::connect, to_, echo_port));
    else
      end_.say(connect_to(to_.text() + ':' + std::to_string(echo_port)));
    account_.who = name();
    account_.asked = 1;
    id_ = around.next_id++;
    size_ = around.chance.below(around.chance.below(3) == 0 ? 600'000 : 5000);
  }
  std::string name() const override { return socks_ ? "SOCKS tunnel" : "tunnel"; }

private:
  /// The status of the answer in HTTP's terms; nothing while it is not whole.
  std::optional<int> take_answer() {
    if (socks_) {
      auto reply = socks::take_reply(end_.text);
      return reply ? std::optional{reply->code == 0 ? 200 : 500 + reply->code} : std::nullopt;
    }
    auto head = take_head(end_.text);
    if (head && !head->id.empty())
      account_.ids.push_back(head->id);
    return head ? std::optional{head->status} : std::nullopt;
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
      account_.served = 1;
    }
    if (said_ < size_ && end_.unsaid() < 50'000) {
      auto size =
        static_cast<size_t>(std::min<uint64_t>(size_ - said_, 1 + around_.chance.below(30'000)));
      end_.say(bytes_of(id_, said_, size));
      said_ += size;
    }
    if (said_ == size_)
      end_.finish();
    if (heard_ == 0 && end_.text.starts_with('H')) { // HTTP: a tunnel that has to be read
      demand_storm("refused inside");
      return leave();
    }
    demand(are_bytes_of(id_, heard_, end_.text),
           "a tunnel: other bytes than were sent, within " + std::to_string(end_.text.size()) +
             " from " + std::to_string(heard_) + ": " + end_.text.substr(0, 60));
    heard_ += end_.text.size();
    end_.text.clear();
    demand(heard_ <= size_, "a tunnel: more bytes than were sent");
    if (heard_ < size_)
      heard_all_ = around_.time.now();
    else if (around_.time.now() > heard_all_ + 1min)
      demand_storm("its end does not come");
  }
  void is_cut_off() override {
    if (!open_ || heard_ < size_ || end_.is_broken())
      demand_storm("heard " + std::to_string(heard_) + " of " + std::to_string(size_) + ", said " +
                   std::to_string(said_ - end_.unsaid()) +
                   (end_.is_broken() ? ", reset" : ", ended") + " after " +
                   std::to_string((around_.time.now() - began()) / 1ms) + " ms");
  }

  uint64_t id_ = 0, size_ = 0, said_ = 0, heard_ = 0;
  bool open_ = false, socks_ = false;
  steady_time heard_all_ = around_.time.now(); ///< The last moment when something was missing.
};

} // namespace

visitor_ptr make_tunneller(surroundings& around, destination to) {
  return std::make_unique<tunneller>(around, std::move(to));
}

} // namespace proxy::simulate
