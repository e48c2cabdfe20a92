#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "actors/loop/simulation/made_up_time.hpp"
#include "tests/support/h2_end.hpp"

namespace proxy::simulate {

/// The window of a stream: small ones too, but what fits into it has to move faster than the
/// slowest body that the proxy bears with.
[[nodiscard]] uint32_t draw_window(simulation::made_up_chance& chance);

/// What an origin does on a connection that speaks HTTP/2: the same as on others, not always
/// in the order of the requests. In a storm it resets streams and says goodbye, as servers do.
class h2_service {
public:
  /// Told of a request that has come: whom it is for, whether it changes nothing, and whether a
  /// proxy has forwarded it.
  using listener =
    std::function<void(std::string_view authority, bool changes_nothing, bool forwarded)>;

  h2_service(test::party& over, const std::string& name, simulation::made_up_chance& chance,
             bool calm);

  /// Does what can be done.
  void step(const listener& begins);

private:
  struct request {
    uint64_t id, size;
    bool post;
    bool tells_size; ///< Of the answer, before it.
    uint64_t got = 0;
    bool over = false;
  };

  [[nodiscard]] static request read(const test::h2_stream& s);
  void answer(int32_t id, request& r);
  void take_body(test::h2_stream& s, request& r) const;

  test::h2_end end_;
  simulation::made_up_chance& chance_;
  bool calm_;
  std::map<int32_t, request> requests_;
};

} // namespace proxy::simulate
