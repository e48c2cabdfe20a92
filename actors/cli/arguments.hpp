#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

/// What the library for command lines does not do by itself.

namespace proxy::cli {

/// An option that may be repeated. Each occurrence takes one word as it stands: the library would
/// read one in brackets or braces as a list.
CLI::Option* add_words(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                       const std::string& description);

/// Takes the command of `run` off the arguments: what follows `--` or, without it, the first word
/// that is neither an option nor its value, whatever it looks like. Of all other subcommands `--`
/// is the end of the options, as usual, and nothing is taken.
/// @param app  With all options and subcommands.
[[nodiscard]] std::vector<std::string> take_command(CLI::App& app,
                                                    std::vector<std::string>& arguments);

/// What may have been meant by words that nothing expected: a line for each near miss of a
/// subcommand or option, "" when there is none.
/// @param parsed  After the attempt.
[[nodiscard]] std::string near_misses(const CLI::App& parsed);

/// The subcommand of this name, nullptr when there is none.
[[nodiscard]] CLI::App* find_command(CLI::App& app, const std::string& name);

/// The subcommand that a mistyped word comes nearest to; "" when none is near.
[[nodiscard]] std::string nearest_command(const CLI::App& app, const std::string& word);

} // namespace proxy::cli
