#define CAF_SUITE tls.ca_files
#include "tls/ca_files.hpp" // unit under test

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "tests/tls/support.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;
namespace fs = std::filesystem;

namespace {

/// A folder with a good pair in it, and what it held at first.
struct fixture {
  fixture() {
    CAF_REQUIRE(tls::authority::load_or_make(paths, now()));
    certificate = content_of(paths.certificate);
    key = content_of(paths.key);
  }

  [[nodiscard]] bool is_unchanged() const {
    return content_of(paths.certificate) == certificate && content_of(paths.key) == key;
  }

  /// How start and reload refuse what lies there; "" unless both do, in the same words.
  [[nodiscard]] std::string refusal() const {
    auto started = tls::authority::load_or_make(paths, now());
    auto reloaded = tls::authority::load(paths, now());
    if (started || reloaded || code_of(started.error()) != errc::invalid_config)
      return "";
    return words_of(started) == words_of(reloaded) ? words_of(started) : "";
  }

  temp_folder folder;
  ca_paths paths{folder / "proxy/ca.pem", folder / "proxy/ca.key"};
  std::string certificate, key;
};

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder})
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(ca_files_tests, fixture)

CAF_TEST(a pair is made once with the right modes and nothing is left beside it) {
  CAF_CHECK_EQUAL(mode_of(folder / "proxy"), 0700u);
  CAF_CHECK_EQUAL(mode_of(paths.certificate), 0644u);
  CAF_CHECK_EQUAL(mode_of(paths.key), 0600u);
  std::vector<std::string> expected{"ca.key", "ca.pem"};
  CAF_CHECK_EQUAL(names_in(folder / "proxy"), expected);
  auto again = unbox(tls::authority::load_or_make(paths, now()));
  CAF_CHECK(is_unchanged());
  CAF_CHECK_EQUAL(again->pem(), certificate);
}

CAF_TEST(the umask has no say in the modes) {
  auto before = ::umask(0777);
  ca_paths other{folder / "proxy/other.pem", folder / "proxy/other.key"};
  auto made = tls::authority::load_or_make(other, now());
  ::umask(before);
  CAF_CHECK_EQUAL(words_of(made), "");
  CAF_CHECK_EQUAL(mode_of(other.certificate), 0644u);
  CAF_CHECK_EQUAL(mode_of(other.key), 0600u);
}

CAF_TEST(one file without the other is refused and stays as it is) {
  fs::remove(paths.key);
  CAF_CHECK(contains(refusal(), "both managed MITM CA files must exist (cert="));
  CAF_CHECK(contains(refusal(), paths.key + " is missing"));
  CAF_CHECK_EQUAL(content_of(paths.certificate), certificate);
  CAF_CHECK(!fs::exists(paths.key));
  write(paths.key, key);
  fs::remove(paths.certificate);
  CAF_CHECK(contains(refusal(), paths.certificate + " is missing"));
  CAF_CHECK_EQUAL(content_of(paths.key), key);
  CAF_CHECK(!fs::exists(paths.certificate));
}

CAF_TEST(a key that others may touch is refused) {
  struct row {
    mode_t mode;
    bool good;
  };
  for (auto& [mode, good] : std::initializer_list<row>{{0600, true},
                                                       {0400, true},
                                                       {0700, true},
                                                       {0604, false},
                                                       {0640, false},
                                                       {0660, false},
                                                       {0666, false},
                                                       {0644, false},
                                                       {0601, false},
                                                       {0602, false}}) {
    CAF_MESSAGE("mode " << mode);
    ::chmod(paths.key.c_str(), mode);
    auto words = refusal();
    CAF_CHECK_EQUAL(words.empty(), good);
    CAF_CHECK(good || contains(words, paths.key + " must not be group/world accessible (mode=0"));
    CAF_CHECK_EQUAL(mode_of(paths.key), mode);
  }
}

CAF_TEST(a key of somebody else is refused) {
  if (::geteuid() != 0)
    return; // only root can give files away
  CAF_REQUIRE_EQUAL(::chown(paths.key.c_str(), 4711, 4711), 0);
  CAF_CHECK(contains(refusal(), "belongs to user 4711"));
}

CAF_TEST(what is not a plain file is refused) {
  auto aside = folder / "aside";
  for (const auto& path : {paths.key, paths.certificate}) {
    CAF_MESSAGE(path);
    fs::rename(path, aside);
    ::mkfifo(path.c_str(), 0600);
    CAF_CHECK(contains(refusal(), "is not a regular file: " + path));
    fs::remove(path);
    fs::create_directory(path);
    fs::permissions(path, fs::perms::owner_all);
    CAF_CHECK(contains(refusal(), "is not a regular file: " + path));
    fs::remove(path);
    fs::create_symlink(aside, path);
    CAF_CHECK(contains(refusal(), "refusing to use symlink for "));
    CAF_CHECK(contains(refusal(), path));
    CAF_CHECK(fs::is_symlink(path));
    fs::remove(path);
    fs::rename(aside, path);
  }
  CAF_CHECK(is_unchanged());
}

CAF_TEST(links that lead nowhere are not written through) {
  fs::remove(paths.certificate);
  fs::remove(paths.key);
  fs::create_symlink(folder / "nowhere", paths.key);
  CAF_CHECK(
    contains(words_of(tls::authority::load_or_make(paths, now())), "refusing to use symlink"));
  fs::remove(paths.key);
  fs::create_symlink(folder / "nowhere", paths.certificate);
  CAF_CHECK(
    contains(words_of(tls::authority::load_or_make(paths, now())), "refusing to use symlink"));
  CAF_CHECK(!fs::exists(folder / "nowhere"));
  CAF_CHECK(!fs::exists(paths.key));
}

CAF_TEST(swapped and corrupt and foreign files are refused and never overwritten) {
  auto other = unbox(tls::authority::make(now()));
  struct row {
    const char* what;
    std::string certificate, key, words;
  };
  auto damaged = certificate;
  damaged[damaged.size() / 2] = '!';
  for (auto& [what, cert_text, key_text, words] : std::initializer_list<row>{
         {"swapped", key, certificate, "failed to parse CA cert " + paths.certificate},
         {"empty certificate", "", key, "failed to parse CA cert"},
         {"garbage certificate", "garbage", key, "failed to parse CA cert"},
         {"damaged certificate", damaged, key, "failed to parse CA cert"},
         {"cut certificate", certificate.substr(0, certificate.size() / 2), key,
          "failed to parse CA cert"},
         {"empty key", certificate, "", "failed to parse CA key " + paths.key},
         {"garbage key", certificate, "garbage", "failed to parse CA key"},
         {"cut key", certificate, key.substr(0, key.size() / 2), "failed to parse CA key"},
         {"certificate twice", certificate, certificate, "failed to parse CA key"},
         {"somebody else's certificate", other->pem(), key,
          "the CA key " + paths.key + " does not match the CA cert " + paths.certificate},
         {"too large", std::string(max_ca_file_bytes + 1, '\n'), key, "is larger than 65536 bytes"},
         {"key too large", certificate, std::string(max_ca_file_bytes + 1, '\n'),
          "is larger than 65536 bytes"},
       }) {
    CAF_MESSAGE(what);
    write(paths.certificate, cert_text, 0644);
    write(paths.key, key_text);
    auto refused = refusal();
    CAF_CHECK(contains(refused, words));
    CAF_CHECK_EQUAL(content_of(paths.certificate), cert_text);
    CAF_CHECK_EQUAL(content_of(paths.key), key_text);
  }
}

CAF_TEST(nothing is stored when one of the files cannot be) {
  ca_paths apart{"/proc/ca.pem", folder / "apart/ca.key"};
  auto made = tls::authority::load_or_make(apart, now());
  CAF_CHECK_EQUAL(error_of(made), errc::system);
  CAF_CHECK(contains(words_of(made), "/proc"));
  CAF_CHECK(names_in(folder / "apart").empty());
}

CAF_TEST(a folder that cannot be made is named) {
  ca_paths inside{paths.key + "/below/ca.pem", paths.key + "/below/ca.key"};
  auto made = tls::authority::load_or_make(inside, now());
  CAF_CHECK(contains(words_of(made), "failed to create " + paths.key));
  CAF_CHECK(is_unchanged());
}

CAF_TEST(processes that race end up with one pair) {
  constexpr int racers = 8;
  for (int round = 0; round < 5; ++round) {
    auto name = "race" + std::to_string(round);
    ca_paths fresh{folder / (name + "/ca.pem"), folder / (name + "/ca.key")};
    int start[2], results[2];
    CAF_REQUIRE(::pipe(start) == 0 && ::pipe(results) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < racers; ++i) {
      auto child = ::fork();
      if (child == 0) {
        char go;
        ::close(start[1]);
        (void)!::read(start[0], &go, 1); // ends for all of them at once
        auto made = tls::authority::load_or_make(fresh, now());
        auto line = made ? (*made)->fingerprint() : std::string(64, '-');
        (void)!::write(results[1], line.data(), line.size());
        ::_exit(0);
      }
      children.push_back(child);
    }
    ::close(start[0]);
    ::close(start[1]);
    ::close(results[1]);
    std::string told;
    char chunk[64];
    for (ssize_t got; (got = ::read(results[0], chunk, sizeof chunk)) > 0;)
      told.append(chunk, static_cast<size_t>(got));
    ::close(results[0]);
    for (auto child : children)
      ::waitpid(child, nullptr, 0);
    auto stored = unbox(tls::authority::load(fresh, now()))->fingerprint();
    CAF_CHECK_EQUAL(told.size(), 64u * racers);
    for (size_t at = 0; at + 64 <= told.size(); at += 64)
      CAF_CHECK_EQUAL(told.substr(at, 64), stored);
    CAF_CHECK_EQUAL(names_in(folder / name).size(), 2u);
  }
}

CAF_TEST(whoever is about to end the process keeps half a pair from being begun) {
  ca_paths fresh{folder / "later/ca.pem", folder / "later/ca.key"};
  std::optional<ca_files_hold> ending{std::in_place};
  std::promise<void> making;
  std::thread writer{[&] {
    CAF_CHECK(read_or_store_ca_files(fresh, [&]() -> caf::expected<ca_pem> {
      making.set_value();
      ca_pem pem;
      pem.certificate = certificate;
      pem.key = key;
      return pem;
    }));
  }};
  making.get_future().wait(); // what follows is the writing
  CAF_CHECK(names_in(folder / "later").empty());
  ending.reset();
  writer.join();
  CAF_CHECK_EQUAL(names_in(folder / "later").size(), 2u);
}

CAF_TEST(a signal to end comes when both files are there) {
  ca_paths fresh{folder / "later/ca.pem", folder / "later/ca.key"};
  auto child = ::fork();
  if (child == 0) {
    std::signal(SIGTERM, SIG_DFL);
    {
      ca_files_hold writing;
      ::raise(SIGTERM);
      std::ofstream{folder / "written"} << "whole";
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CAF_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  CAF_CHECK_EQUAL(content_of(folder / "written"), "whole");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(an open folder is no fault of a pair but a key of another user is) {
  fixture pair;
  ::chmod((pair.folder / "proxy").c_str(), 0777);
  CAF_CHECK_EQUAL(pair.refusal(), "");
  if (::geteuid() != 0 || ::chown(pair.paths.key.c_str(), 1, 1) != 0)
    return; // only root can give files away
  CAF_CHECK(contains(pair.refusal(), pair.paths.key));
}
