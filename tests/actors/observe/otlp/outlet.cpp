#define CAF_SUITE actors.observe.otlp.outlet
#include "actors/observe/otlp/outlet.hpp" // unit under test

#include <poll.h>

#include <thread>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

decision_event_ptr event_of(std::string host, uint16_t port = 1) {
  auto event = std::make_shared<decision_event>();
  event->host = std::move(host);
  event->port = port;
  return event;
}

/// Whether somebody was woken, within so many milliseconds.
bool is_woken(const outlet& box, int patience = 0) {
  pollfd one{box.descriptor(), POLLIN, 0};
  return ::poll(&one, 1, patience) == 1;
}

/// What was told, in order, which makes room for more.
std::vector<decision_event_ptr> taken(outlet& box) {
  std::vector<decision_event_ptr> out;
  for (auto item = box.take_all(); item; item = outlet::next(*item)) {
    out.push_back(std::get<decision_event_ptr>(item->what));
    box.left(outlet_kind::event, item->bytes);
  }
  return out;
}

} // namespace

CAF_TEST(nothing is taken before it is opened or after it is closed) {
  outlet box;
  CAF_CHECK(!box.takes(outlet_kind::event));
  box.tell(event_of("a"));
  CAF_CHECK(taken(box).empty());
  box.open(true, false, 10);
  CAF_CHECK(box.takes(outlet_kind::event));
  CAF_CHECK(!box.takes(outlet_kind::span));
  box.tell(event_of("a"));
  box.close();
  box.tell(event_of("b"));
  auto all = taken(box);
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK_EQUAL(all.front()->host, "a");
  CAF_CHECK_EQUAL(box.lost(), 0u);
}

CAF_TEST(what finds no room is dropped and counted until some has left) {
  outlet box;
  box.open(true, false, 3);
  for (uint16_t i = 0; i < 5; ++i)
    box.tell(event_of("a", i));
  CAF_CHECK_EQUAL(box.waiting(), 3u);
  CAF_CHECK_EQUAL(box.lost(otlp_loss::queue_full), 2u);
  auto all = taken(box);
  CAF_CHECK_EQUAL(all.size(), 3u);
  CAF_CHECK_EQUAL(all.back()->port, 2u);
  CAF_CHECK_EQUAL(box.waiting(), 0u);
  box.tell(event_of("a"));
  CAF_CHECK_EQUAL(box.lost(), 2u);
}

CAF_TEST(long texts meet the limit in bytes) {
  outlet box;
  box.open(true, false, 1'000'000);
  constexpr uint64_t megabyte = 1 << 20;
  for (uint64_t i = 0; i < outlet::max_waiting_bytes / megabyte + 3; ++i)
    box.tell(event_of(std::string(megabyte, 'x')));
  CAF_CHECK_EQUAL(box.lost(otlp_loss::queue_full), 4u); // each is a little more than a megabyte
  CAF_CHECK_EQUAL(box.waiting(), outlet::max_waiting_bytes / megabyte - 1);
  (void)taken(box);
  box.tell(event_of("a"));
  CAF_CHECK_EQUAL(box.waiting(), 1u);
}

CAF_TEST(nobody makes what a full queue turns away and each is counted) {
  outlet box;
  CAF_CHECK(!box.wants(outlet_kind::event));
  CAF_CHECK_EQUAL(box.lost(), 0u); // it was not to be sent
  box.open(true, true, 2);
  for (auto kind : {outlet_kind::event, outlet_kind::span})
    CAF_CHECK(box.wants(kind));
  box.tell(event_of("a"));
  CAF_CHECK(box.wants(outlet_kind::event));
  box.tell(event_of("b"));
  CAF_CHECK(!box.wants(outlet_kind::event));
  CAF_CHECK(!box.wants(outlet_kind::event));
  CAF_CHECK(box.wants(outlet_kind::span)); // which has a queue of its own
  CAF_CHECK_EQUAL(box.lost(otlp_loss::queue_full), 2u);
  (void)taken(box);
  CAF_CHECK(box.wants(outlet_kind::event));
  CAF_CHECK_EQUAL(box.lost(), 2u);
}

CAF_TEST(what is as long as all that may wait is not wanted on top) {
  outlet box;
  box.open(true, false, 1'000'000);
  box.tell(event_of(std::string(outlet::max_waiting_bytes - 2'048, 'x')));
  CAF_CHECK(box.wants(outlet_kind::event));
  while (box.lost() == 0)
    box.tell(event_of(std::string(100, 'x')));
  CAF_CHECK(box.waiting() < 30);
}

CAF_TEST(in doubt less waits and what waits already stays) {
  outlet box;
  constexpr auto few = outlet::max_waiting_in_doubt;
  box.open(true, true, few * 2);
  for (uint64_t i = 0; i < few + 10; ++i)
    box.tell(event_of("a"));
  box.doubt(outlet_kind::event, true);
  CAF_CHECK(!box.wants(outlet_kind::event));
  CAF_CHECK(box.wants(outlet_kind::span));
  CAF_CHECK_EQUAL(box.waiting(), few + 10);
  CAF_CHECK_EQUAL(box.lost(), 1u);
  box.doubt(outlet_kind::event, false);
  CAF_CHECK(box.wants(outlet_kind::event));
  box.open(true, true, 5);
  box.doubt(outlet_kind::event, true); // never more than is said
  (void)taken(box);
  for (auto i = 0; i < 7; ++i)
    box.tell(event_of("a"));
  CAF_CHECK_EQUAL(box.waiting(), 5u);
}

CAF_TEST(one wake comes with the item that was asked for) {
  outlet box;
  box.open(true, false, 100);
  CAF_CHECK(box.wake_at(3));
  box.tell(event_of("a"));
  box.tell(event_of("a"));
  CAF_CHECK(!is_woken(box));
  box.tell(event_of("a"));
  CAF_CHECK(is_woken(box));
  box.reset();
  CAF_CHECK(!is_woken(box));
  box.tell(event_of("a"));
  CAF_CHECK(!is_woken(box));
  CAF_CHECK(!box.wake_at(4)); // they are there
  CAF_CHECK_EQUAL(taken(box).size(), 4u);
  CAF_CHECK(box.wake_at(1));
  box.wake();
  CAF_CHECK(is_woken(box));
}

CAF_TEST(what many threads tell while one takes is all there and each in its order) {
  constexpr uint16_t threads = 4;
  constexpr uint16_t each = 20'000;
  outlet box;
  box.open(true, false, uint64_t{threads} * each);
  std::vector<std::thread> tellers;
  for (uint16_t t = 0; t < threads; ++t)
    tellers.emplace_back([&box, t] {
      for (uint16_t i = 0; i < each; ++i)
        box.tell(event_of(std::string(1, static_cast<char>('a' + t)), i));
    });
  std::array<uint16_t, threads> next{};
  size_t count = 0;
  auto in_order = true;
  while (count < size_t{threads} * each) {
    for (const auto& event : taken(box)) {
      in_order = in_order && next.at(static_cast<size_t>(event->host[0] - 'a'))++ == event->port;
      ++count;
    }
    if (count < size_t{threads} * each && box.wake_at(1))
      CAF_REQUIRE(is_woken(box, 30'000));
    box.reset();
  }
  for (auto& one : tellers)
    one.join();
  CAF_CHECK(in_order);
  CAF_CHECK_EQUAL(box.lost(), 0u);
}
