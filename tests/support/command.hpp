#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/serve/abilities.hpp"

/// Commands as users run them: arguments, an environment and stdin in; an exit code and words out.

namespace proxy::test {

/// How a command is started.
struct command_start {
  std::vector<std::string> arguments;             ///< Without the program's name.
  std::map<std::string, std::string> variables{}; ///< Its whole environment, but for PATH.
  std::string given{};                            ///< What it reads from stdin.
  abilities can{};
};

/// What a command leaves behind.
struct command_end {
  int code = -1; ///< 128 + n: signal n ended it.
  std::string out, err;
};

/// A command in a process of its own: what it does to signals, limits, variables and descriptors is
/// nothing to the test. Whatever takes longer than `patience` is ended, and shows as signal 9.
/// Threads of the test must not run when it is made: it is a fork.
class command_process {
public:
  explicit command_process(command_start how);
  ~command_process();
  command_process(const command_process&) = delete;
  command_process& operator=(const command_process&) = delete;

  /// Waits until it has said this. @returns false when it ended, or took too long, without.
  [[nodiscard]] bool says(std::string_view words);
  [[nodiscard]] bool prints(std::string_view words);

  /// What it has said and printed so far.
  [[nodiscard]] const std::string& err() const noexcept { return so_far_.err; }
  [[nodiscard]] const std::string& out() const noexcept { return so_far_.out; }

  void signal(int number) const;
  /// Waits for its end.
  [[nodiscard]] command_end end();

private:
  /// Takes what comes from both streams. @returns whether it has come to this.
  bool read_until(const std::function<bool()>& enough);

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1; ///< -1 once they have ended.
  command_end so_far_;
};

/// Runs a command to its end.
[[nodiscard]] command_end run_command(command_start how);

/// The address of a listener as a daemon's log tells it last; "" when it does not.
/// @param listener  http, socks or admin.
[[nodiscard]] std::string announced(std::string_view log, std::string_view listener);

} // namespace proxy::test
