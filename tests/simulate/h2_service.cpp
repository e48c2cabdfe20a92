#include "tests/simulate/h2_service.hpp"

#include <cstdio>

#include "tests/simulate/pattern.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

using namespace test;

uint32_t draw_window(simulation::made_up_chance& chance) {
  return static_cast<uint32_t>(200 + chance.below(100'000));
}

h2_service::h2_service(party& over, const std::string& name, simulation::made_up_chance& chance,
                       bool calm)
  : end_(over, false, name), chance_(chance), calm_(calm) {
  end_.greet({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, draw_window(chance_)}});
}

void h2_service::step(const listener& begins) {
  end_.step();
  for (auto& [id, s] : end_.streams) {
    if (!s.has_head())
      continue;
    auto found = requests_.find(id);
    if (found == requests_.end()) {
      begins(s[":authority"], s[":method"] == "GET", !s["via"].empty());
      found = requests_.emplace(id, read(s)).first;
    }
    auto& r = found->second;
    take_body(s, r);
    if (!r.over && (s.reset || (s.ended && chance_.below(4) != 0))) {
      r.over = true;
      if (!s.reset)
        answer(id, r);
    }
  }
  std::erase_if(end_.streams, [&](const auto& each) {
    auto found = requests_.find(each.first);
    return found != requests_.end() && found->second.over;
  });
}

h2_service::request h2_service::read(const h2_stream& s) {
  unsigned long long id = 0, size = 0;
  char how = 0;
  auto path = s[":path"], method = s[":method"];
  demand(std::sscanf(path.c_str(), "/%llu/%llu/%c", &id, &size, &how) == 3 &&
           (method == "GET" || method == "POST"),
         "an origin got a stream that nobody began: " + method + ' ' + path);
  return {id, size, method == "POST", how == 'l'};
}

void h2_service::take_body(h2_stream& s, request& r) const {
  demand(are_bytes_of(r.id, r.got, s.body), "an origin got other bytes on a stream than were sent");
  r.got += s.body.size();
  s.body.clear();
  demand(r.got <= (r.post ? r.size : 0), "an origin got more bytes on a stream than were sent");
  demand(!s.ended || s.reset || !r.post || r.got == r.size,
         "an origin was told that an upload is whole which is not");
}

void h2_service::answer(int32_t id, request& r) {
  if (!calm_ && chance_.below(30) == 0)
    return end_.on.say(
      h2::reset(id, chance_.below(2) == 0 ? NGHTTP2_REFUSED_STREAM : NGHTTP2_INTERNAL_ERROR));
  if (r.post)
    return end_.answer(id, "200", "ok", {{"content-length", "2"}});
  h2_fields more;
  if (r.tells_size)
    more.emplace_back("content-length", std::to_string(r.size));
  end_.answer(id, "200", bytes_of(r.id, 0, static_cast<size_t>(r.size)), more);
  if (!calm_ && chance_.below(40) == 0)
    end_.on.say(h2::goaway(id));
}

} // namespace proxy::simulate
