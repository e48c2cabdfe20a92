#include <utility>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

class troublemaker final : public visitor {
public:
  troublemaker(surroundings& around, destination to) : visitor(around, std::move(to)) {
    auto where = to_.text();
    auto request = "GET http://" + where + "/" + std::to_string(around.next_id++) +
                   "/300000/l HTTP/1.1\r\nHost: " + where + "\r\n\r\n";
    switch (around.chance.below(5)) {
      case 0: end_.say(request.substr(0, around.chance.below(request.size()))); break;
      case 1:
        for (int i = 0; i < 300; ++i)
          end_.say(std::string(1, static_cast<char>(around.chance.below(256))));
        break;
      case 2: break; // nothing at all
      case 3:
        for (int i = 0; i < 20; ++i)
          end_.say(request);
        break;
      default: end_.say(request);
    }
    leaves_ = around.time.now() + std::chrono::milliseconds{around.chance.below(20'000)};
    resets_ = around.chance.below(2) == 0;
  }
  std::string name() const override { return "troublemaker"; }

private:
  void go_on() override {
    if (end_.text.size() > 100'000)
      end_.text.clear();
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

visitor_ptr make_troublemaker(surroundings& around, destination to) {
  return std::make_unique<troublemaker>(around, std::move(to));
}

} // namespace proxy::simulate
