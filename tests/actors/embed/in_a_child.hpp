#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace proxy::test {

/// Tells the test something, from a child.
inline void tell(int to, std::string_view what) {
  if (::write(to, what.data(), what.size()) != static_cast<ssize_t>(what.size()))
    ::_exit(1);
}

/// Does it in a child of this process, where it may change what is the whole process's. One that
/// takes longer than a minute is ended. The test must not have threads when it is made.
/// @param what  Gets where to `tell` something. Its checks are none of the test's.
/// @returns all that it told; with how it ended, where that was not in order.
template <class Doing>
[[nodiscard]] std::string in_a_child(Doing what) {
  int ends[2] = {-1, -1};
  if (::pipe(ends) != 0)
    return "<no pipe>";
  for (auto fd : ends)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  std::cout.flush(); // else both would say it
  auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(60);
    try {
      what(ends[1]);
    } catch (const std::exception& why) {
      tell(ends[1], std::string{"<"} + why.what() + '>');
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string out;
  std::array<char, 4096> chunk;
  for (ssize_t n = 0; (n = ::read(ends[0], chunk.data(), chunk.size())) > 0;)
    out.append(chunk.data(), static_cast<size_t>(n));
  ::close(ends[0]);
  int how = 0;
  (void)::waitpid(child, &how, 0);
  if (WIFSIGNALED(how))
    out += "<signal " + std::to_string(WTERMSIG(how)) + '>';
  else if (WEXITSTATUS(how) != 0)
    out += "<code " + std::to_string(WEXITSTATUS(how)) + '>';
  return out;
}

} // namespace proxy::test
