#include "actors/observe/log/timestamp.hpp"

#include <fmt/format.h>

#include <iterator>

namespace proxy {

void append_timestamp(std::string& out, std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  auto day = floor<days>(at);
  year_month_day date{day};
  hh_mm_ss time{floor<milliseconds>(at - day)};
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                 time.seconds().count(), time.subseconds().count());
}

} // namespace proxy
