#include "actors/cli/arguments.hpp"

#include <algorithm>

#include "config/keys.hpp"

namespace proxy::cli {

namespace {

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

/// Whether the next word is the value of this one.
bool takes_value(CLI::App& app, CLI::App& subcommand, const std::string& word) {
  if (word.find('=') != std::string::npos)
    return false;
  auto* option = subcommand.get_option_no_throw(word);
  if (!option)
    option = app.get_option_no_throw(word);
  return option && option->get_items_expected_min() > 0;
}

std::vector<std::string> split_off(std::vector<std::string>& arguments, size_t from, size_t rest) {
  auto at = [&](size_t i) { return arguments.begin() + static_cast<std::ptrdiff_t>(i); };
  std::vector<std::string> command{at(rest), arguments.end()};
  arguments.erase(at(from), arguments.end());
  return command;
}

/// All long options that count behind these subcommands.
std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> out;
  auto add = [&out](const CLI::App& of) {
    for (const auto* option : of.get_options())
      for (const auto& name : option->get_lnames())
        out.push_back("--" + name);
  };
  add(app);
  for (const auto* chosen : app.get_subcommands())
    add(*chosen);
  return out;
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    out.push_back(each->get_name());
  return out;
}

} // namespace

CLI::App* find_command(CLI::App& app, const std::string& name) {
  for (auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    if (each->get_name() == name)
      return each;
  return nullptr;
}

CLI::Option* add_words(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                       const std::string& description) {
  CLI::callback_t take = [&into](const CLI::results_t& words) {
    into = words;
    return true;
  };
  return app.add_option(name, take, description)->take_all()->allow_extra_args(false);
}

std::vector<std::string> take_command(CLI::App& app, std::vector<std::string>& arguments) {
  auto* in = &app;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word == "--")
      return in == &app ? std::vector<std::string>{} : split_off(arguments, i, i + 1);
    if (is_option(word)) {
      if (takes_value(app, *in, word))
        ++i;
      continue;
    }
    if (in != &app)
      return split_off(arguments, i, i);
    in = find_command(app, word);
    if (!in || word != "run")
      return {};
  }
  return {};
}

std::string nearest_command(const CLI::App& app, const std::string& word) {
  return config::nearest(word, commands_of(app));
}

std::string near_misses(const CLI::App& parsed) {
  std::string out;
  auto add = [&out](const std::string& word, const std::string& meant) {
    if (!meant.empty())
      out += word + ": did you mean " + meant + "?\n";
  };
  auto chosen = !parsed.get_subcommands().empty();
  for (const auto& word : parsed.remaining(true)) {
    if (is_option(word)) {
      add(word, config::nearest(word.substr(0, word.find('=')), options_of(parsed)));
    } else if (!chosen) {
      add(word, nearest_command(parsed, word));
      chosen = true; // what follows belongs to it
    }
  }
  return out;
}

} // namespace proxy::cli
