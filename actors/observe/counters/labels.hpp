#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/enum_array.hpp"
#include "protocols/error.hpp"

/// The values that labels of metrics have, beside those of `policy/reason.hpp` and `errc`. All are
/// ours: nothing that a client sends becomes a label, so no client makes a series.

namespace proxy {

/// A value and the name that it has as a label.
template <class E>
struct label_name {
  E value;
  std::string_view name;
};

/// What a client connection speaks, as far as that is known; else what its listener is for.
enum class spoken : uint8_t { http, http2, socks5, admin };
inline constexpr label_name<spoken> spoken_names[] = {{spoken::http, "http"},
                                                      {spoken::http2, "http2"},
                                                      {spoken::socks5, "socks5"},
                                                      {spoken::admin, "admin"}};

/// What a request waits for.
enum class phase : uint8_t {
  total,      ///< From its head to the end of its response; a tunnel's request until it stands.
  decide,     ///< Somebody's word. Only where somebody was asked.
  dns,        ///< The addresses of its target, or of the upstream proxy.
  connect,    ///< A connection to one of them.
  tls,        ///< The handshake with the upstream.
  first_byte, ///< The head of the upstream's final response, from when the request was sent.
};
inline constexpr label_name<phase> phase_names[] = {
  {phase::total, "total"}, {phase::decide, "decide"},
  {phase::dns, "dns"},     {phase::connect, "connect"},
  {phase::tls, "tls"},     {phase::first_byte, "upstream_first_byte"}};

/// What a look-up came to.
enum class look_up_result : uint8_t {
  ok,
  cached,
  error,
  timeout,
  ignored, ///< It failed, and an upstream proxy that is told the name finds it by itself.
};
inline constexpr label_name<look_up_result> look_up_results[] = {
  {look_up_result::ok, "ok"},
  {look_up_result::cached, "cached"},
  {look_up_result::error, "error"},
  {look_up_result::timeout, "timeout"},
  {look_up_result::ignored, "ignored"}};

/// What dialling came to, all addresses of a name together.
enum class connect_result : uint8_t {
  ok,
  refused,
  unreachable,
  timeout,
  abandoned, ///< The client left meanwhile, or another policy came.
  error,     ///< Of this machine: no descriptor, no memory.
};
inline constexpr label_name<connect_result> connect_results[] = {
  {connect_result::ok, "ok"},
  {connect_result::refused, "refused"},
  {connect_result::unreachable, "unreachable"},
  {connect_result::timeout, "timeout"},
  {connect_result::abandoned, "abandoned"},
  {connect_result::error, "error"}};

/// With whom a TLS handshake is.
enum class tls_side : uint8_t { client, upstream };
inline constexpr label_name<tls_side> tls_sides[] = {{tls_side::client, "client"},
                                                     {tls_side::upstream, "upstream"}};

enum class handshake_result : uint8_t { ok, error };
inline constexpr label_name<handshake_result> handshake_results[] = {
  {handshake_result::ok, "ok"}, {handshake_result::error, "error"}};

/// Where the certificate for an intercepted host came from.
enum class leaf_result : uint8_t { minted, cached, failed };
inline constexpr label_name<leaf_result> leaf_results[] = {{leaf_result::minted, "minted"},
                                                           {leaf_result::cached, "cached"},
                                                           {leaf_result::failed, "failed"}};

template <>
struct enum_table<spoken> {
  static constexpr auto& rows = spoken_names;
  static constexpr auto value = &label_name<spoken>::value;
};
template <>
struct enum_table<phase> {
  static constexpr auto& rows = phase_names;
  static constexpr auto value = &label_name<phase>::value;
};
template <>
struct enum_table<look_up_result> {
  static constexpr auto& rows = look_up_results;
  static constexpr auto value = &label_name<look_up_result>::value;
};
template <>
struct enum_table<connect_result> {
  static constexpr auto& rows = connect_results;
  static constexpr auto value = &label_name<connect_result>::value;
};
template <>
struct enum_table<tls_side> {
  static constexpr auto& rows = tls_sides;
  static constexpr auto value = &label_name<tls_side>::value;
};
template <>
struct enum_table<handshake_result> {
  static constexpr auto& rows = handshake_results;
  static constexpr auto value = &label_name<handshake_result>::value;
};
template <>
struct enum_table<leaf_result> {
  static constexpr auto& rows = leaf_results;
  static constexpr auto value = &label_name<leaf_result>::value;
};

/// What an error of a look-up, or of dialling, is counted as.
[[nodiscard]] look_up_result look_up_result_of(errc code) noexcept;
[[nodiscard]] connect_result connect_result_of(errc code) noexcept;

} // namespace proxy
