#define CAF_SUITE tls.files
#include "tls/files.hpp" // unit under test

#include <unistd.h>

#include "tests/tls/support.hpp"
#include "tls/bundle.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

constexpr uid_t somebody = 4711;

std::string refusal(const std::string& path, shared_by_root group = shared_by_root::no) {
  auto err = check_folder_of(path, group);
  return err ? context_of(err) : "";
}

} // namespace

CAF_TEST(a folder that others may write to is refused by name unless the sticky bit guards it) {
  temp_folder folder;
  auto file = folder / "file";
  const std::pair<mode_t, bool> modes[] = {
    {0700, true},  {0755, true},  {0500, true},  {0775, false}, {0757, false},
    {0777, false}, {0720, false}, {01777, true}, {01770, true},
  };
  for (auto& [mode, fits] : modes) {
    ::chmod(folder.path.c_str(), mode);
    auto told = refusal(file);
    CAF_MESSAGE(mode << ": " << told);
    CAF_CHECK_EQUAL(told.empty(), fits);
    CAF_CHECK(fits || (contains(told, folder.path) && contains(told, "chmod go-w")));
  }
  ::chmod(folder.path.c_str(), 0700);
  CAF_CHECK_EQUAL(refusal(folder / "not there/file"), "");
}

CAF_TEST(a folder of another user is refused whatever its mode) {
  if (::geteuid() != 0)
    return; // nobody else can give a folder away
  temp_folder folder;
  CAF_REQUIRE_EQUAL(::chown(folder.path.c_str(), somebody, somebody), 0);
  CAF_CHECK(contains(refusal(folder / "file"), "belongs to user 4711"));
  ::chmod(folder.path.c_str(), 01777);
  CAF_CHECK(contains(refusal(folder / "file", shared_by_root::yes), folder.path));
}

CAF_TEST(a group that root lets write to a folder will do for a log and not for keys) {
  if (::geteuid() != 0)
    return;
  temp_folder folder;
  ::chmod(folder.path.c_str(), 0775);
  CAF_CHECK_EQUAL(refusal(folder / "file", shared_by_root::yes), "");
  CAF_CHECK_NOT_EQUAL(refusal(folder / "file"), "");
  ::chmod(folder.path.c_str(), 0777);
  CAF_CHECK_NOT_EQUAL(refusal(folder / "file", shared_by_root::yes), "");
}

CAF_TEST(files for clients are not written where others could swap them) {
  temp_folder folder;
  auto write = [&] { return write_client_file(folder / "beside", "apt", "conf", "content", 0644); };
  ::chmod(folder.path.c_str(), 0777);
  CAF_CHECK(contains(words_of(write()), folder.path));
  CAF_CHECK(std::filesystem::is_empty(folder.path));
  ::chmod(folder.path.c_str(), 0700);
  CAF_CHECK_EQUAL(content_of(unbox(write())), "content");
}

CAF_TEST(a file of another user is not taken for one of ours) {
  if (::geteuid() != 0)
    return;
  temp_folder folder;
  auto write = [&] {
    return unbox(write_client_file(folder / "beside", "apt", "conf", "content", 0644));
  };
  auto path = write();
  // Root's files are; without root's rights the test would own what it finds.
  CAF_REQUIRE_EQUAL(::chown(path.c_str(), somebody, somebody), 0);
  struct stat found {};
  CAF_CHECK_EQUAL(write(), path);
  CAF_CHECK_EQUAL(::lstat(path.c_str(), &found), 0);
  CAF_CHECK_EQUAL(found.st_uid, ::geteuid());
}
