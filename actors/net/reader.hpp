#pragma once

#include <string>
#include <string_view>

#include "actors/loop/task/waker.hpp"
#include "actors/net/transport.hpp"

namespace proxy {

/// What waiting for bytes came to.
struct some_bytes {
  enum class status : uint8_t {
    ok,
    woken,  ///< There are none, but something has happened: look, then ask again.
    late,   ///< The deadline passed.
    end,    ///< The peer has sent its last byte.
    failed, ///< errno in `error`.
  };
  status what = status::woken;
  std::string_view bytes{}; ///< In the loop's read buffer: valid until the flow suspends.
  int error = 0;

  [[nodiscard]] bool ok() const noexcept { return what == status::ok; }
  [[nodiscard]] bool woken() const noexcept { return what == status::woken; }
  [[nodiscard]] bool late() const noexcept { return what == status::late; }
  [[nodiscard]] bool failed() const noexcept { return what == status::failed; }
};

/// What a flow reads a transport with.
class reader {
public:
  reader(event_loop& loop, transport& from, waker& wakes) noexcept
    : loop_(loop), from_(from), wakes_(wakes) {}
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  /// `co_await r.some(most, deadline)`: what has come, at most so much of it. When there is nothing
  /// it waits until something happens, whatever it is, or the deadline passes.
  [[nodiscard]] auto some(size_t most, steady_time deadline) noexcept {
    return awaiter{*this, most, deadline};
  }

  std::string pending; ///< Was read, and is not yet understood.

private:
  class awaiter {
  public:
    awaiter(reader& of, size_t most, steady_time deadline) noexcept
      : of_(of), most_(most), wait_(of.wakes_.until(deadline)) {}
    awaiter(const awaiter&) = delete;

    /// Who believes that there is something, and finds nothing, is woken all the same: what he
    /// looks at before he waits was not looked at.
    bool await_ready() noexcept {
      if (!of_.from_.may_read())
        return false;
      take();
      return true;
    }
    void await_suspend(std::coroutine_handle<> flow) noexcept {
      waited_ = true;
      wait_.await_suspend(flow);
    }
    some_bytes await_resume() noexcept {
      if (waited_ && !wait_.await_resume())
        got_.what = some_bytes::status::late;
      else if (waited_ && of_.from_.may_read())
        take();
      return got_;
    }

  private:
    /// Reads; where there is nothing it stays `woken`.
    void take() noexcept {
      auto buffer = of_.loop_.scratch();
      auto result = of_.from_.read(buffer.first(std::min(most_, buffer.size())));
      switch (result.what) {
        case io_result::status::ok:
          got_.what = some_bytes::status::ok;
          got_.bytes = {buffer.data(), result.size};
          break;
        case io_result::status::would_block: break;
        case io_result::status::end: got_.what = some_bytes::status::end; break;
        case io_result::status::failed:
          got_.what = some_bytes::status::failed;
          got_.error = result.error;
          break;
      }
    }

    reader& of_;
    size_t most_;
    decltype(std::declval<waker&>().until({})) wait_;
    bool waited_ = false;
    some_bytes got_;
  };

  event_loop& loop_;
  transport& from_;
  waker& wakes_;
};

} // namespace proxy
