#include <iterator>
#include <string_view>
#include <utility>

#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

// Not /metrics, which tells of the real process: no two runs would be the same.
constexpr const char* questions[] = {"/health",      "/config",
                                     "/patterns",    "/blocked",
                                     "/connections", "/explain?url=http://o34.example/"};

class admin_client final : public visitor {
public:
  admin_client(surroundings& around, destination to) : visitor(around, std::move(to), 8080) {
    ask();
  }
  std::string name() const override { return "admin client"; }

private:
  void ask() {
    --left_;
    auto& chance = around_.chance;
    std::string method = "GET", path = questions[chance.below(std::size(questions))], body;
    if (!around_.calm && chance.below(3) == 0) {
      constexpr const char* modes[] = {"limited", "full", "config"};
      method = "POST";
      path = chance.below(3) == 0 ? "/reload" : "/mode";
      if (path == "/mode")
        body = std::string{"{\"mode\":\""} + modes[chance.below(std::size(modes))] + "\"}";
    }
    end_.say(method + ' ' + path + " HTTP/1.1\r\nHost: 192.0.2.1:8080\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  void go_on() override {
    if (!head_) {
      head_ = take_head(end_.text);
      if (!head_)
        return;
      if (head_->status != 200)
        demand_storm("status " + std::to_string(head_->status));
      body_ = {head_->how, head_->length};
    }
    (void)body_.take(end_.text);
    if (!body_.is_over())
      return;
    head_.reset();
    if (left_ == 0)
      return leave();
    ask();
  }

  std::optional<answer> head_;
  body_reader body_;
  uint64_t left_ = 1 + around_.chance.below(5);
};

} // namespace

visitor_ptr make_admin_client(surroundings& around, destination to) {
  return std::make_unique<admin_client>(around, std::move(to));
}

} // namespace proxy::simulate
