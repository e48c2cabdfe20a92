#pragma once

#include <caf/expected.hpp>
#include <curl/curl.h>
#include <curl/header.h>

#include <type_traits>

namespace proxy {

/// The functions of libcurl that we use. It is loaded when the first request is to be sent, not
/// with the program: most proxies send none, and it comes with two dozen libraries of its own.
/// Once loaded it stays for the life of the process.
struct curl_library {
  std::add_pointer_t<decltype(::curl_easy_init)> easy_init = nullptr;
  std::add_pointer_t<decltype(::curl_easy_cleanup)> easy_cleanup = nullptr;
  std::add_pointer_t<decltype(::curl_easy_reset)> easy_reset = nullptr;
  CURLcode (*easy_setopt)(CURL*, CURLoption, ...) = nullptr;
  CURLcode (*easy_getinfo)(CURL*, CURLINFO, ...) = nullptr;
  std::add_pointer_t<decltype(::curl_easy_strerror)> easy_strerror = nullptr;
  std::add_pointer_t<decltype(::curl_slist_append)> slist_append = nullptr;
  std::add_pointer_t<decltype(::curl_slist_free_all)> slist_free_all = nullptr;
  std::add_pointer_t<decltype(::curl_multi_init)> multi_init = nullptr;
  std::add_pointer_t<decltype(::curl_multi_cleanup)> multi_cleanup = nullptr;
  std::add_pointer_t<decltype(::curl_multi_add_handle)> multi_add_handle = nullptr;
  std::add_pointer_t<decltype(::curl_multi_remove_handle)> multi_remove_handle = nullptr;
  std::add_pointer_t<decltype(::curl_multi_perform)> multi_perform = nullptr;
  std::add_pointer_t<decltype(::curl_multi_poll)> multi_poll = nullptr;
  std::add_pointer_t<decltype(::curl_multi_info_read)> multi_info_read = nullptr;

  /// Loads and initialises it. From any thread: libcurl guards its own initialisation, which other
  /// users of it in this process share, from version 7.84 on.
  /// @returns errc::system with the reason where it is not there, or is older than 7.87.
  [[nodiscard]] static caf::expected<curl_library> load();
};

} // namespace proxy
