#include "actors/observe/otlp/collector/curl_library.hpp"

#include <dlfcn.h>

#include <string>

#include "protocols/error.hpp"

namespace proxy {

namespace {

/// From this version on initialising is safe in threads, protocols are named by text, and nobody
/// waits at the end for a name that is being looked up.
constexpr unsigned oldest_version = 0x075700;

constexpr const char* library_names[] = {"libcurl.so.4", "libcurl.4.dylib"};

caf::error no_library(std::string why) { return caf::make_error(errc::system, std::move(why)); }

void* open_library() noexcept {
  for (const auto* name : library_names)
    if (auto* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL))
      return library;
  return nullptr;
}

/// Finds functions by name, and remembers one that is not there.
class finder {
public:
  explicit finder(void* in) noexcept : library_(in) {}

  template <class Function>
  void operator()(Function*& to, const char* name) noexcept {
    to = reinterpret_cast<Function*>(::dlsym(library_, name));
    if (!to)
      missing_ = name;
  }
  [[nodiscard]] const char* missing() const noexcept { return missing_; }

private:
  void* library_;
  const char* missing_ = nullptr;
};

const char* find_all(finder& find, curl_library& out) noexcept {
  find(out.easy_init, "curl_easy_init");
  find(out.easy_cleanup, "curl_easy_cleanup");
  find(out.easy_reset, "curl_easy_reset");
  find(out.easy_setopt, "curl_easy_setopt");
  find(out.easy_getinfo, "curl_easy_getinfo");
  find(out.easy_strerror, "curl_easy_strerror");
  find(out.slist_append, "curl_slist_append");
  find(out.slist_free_all, "curl_slist_free_all");
  find(out.multi_init, "curl_multi_init");
  find(out.multi_cleanup, "curl_multi_cleanup");
  find(out.multi_add_handle, "curl_multi_add_handle");
  find(out.multi_remove_handle, "curl_multi_remove_handle");
  find(out.multi_perform, "curl_multi_perform");
  find(out.multi_poll, "curl_multi_poll");
  find(out.multi_info_read, "curl_multi_info_read");
  return find.missing();
}

} // namespace

caf::expected<curl_library> curl_library::load() {
  auto* library = open_library();
  if (!library) {
    const auto* why = ::dlerror();
    return no_library(why ? why : "libcurl cannot be loaded");
  }
  curl_library out;
  finder find{library};
  std::add_pointer_t<decltype(::curl_global_init)> global_init = nullptr;
  std::add_pointer_t<decltype(::curl_version_info)> version_info = nullptr;
  find(global_init, "curl_global_init");
  find(version_info, "curl_version_info");
  if (const auto* missing = find_all(find, out))
    return no_library(std::string{"libcurl has no "} + missing);
  const auto* found = version_info(CURLVERSION_NOW);
  if (found->version_num < oldest_version || (found->features & CURL_VERSION_THREADSAFE) == 0)
    return no_library(std::string{"libcurl "} + found->version +
                      " is too old, or not safe in threads: 7.87 is needed");
  // It counts, and is never taken back: others in this process may use it.
  if (auto code = global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
    return no_library(std::string{"libcurl does not start: "} + out.easy_strerror(code));
  return out;
}

} // namespace proxy
