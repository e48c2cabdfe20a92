#include "tests/simulate/certificates.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "actors/loop/simulation/libraries.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

namespace {

template <class T>
T must(caf::expected<T> made) {
  demand(static_cast<bool>(made), "no certificates");
  return std::move(*made);
}

/// A context that trusts these and nobody else; it is made from files.
std::shared_ptr<const tls::client_context> trusting(const std::string& pems) {
  auto name = (std::filesystem::temp_directory_path() / "simulate-XXXXXX").string();
  demand(::mkdtemp(name.data()) != nullptr, "no temporary folder");
  auto file = name + "/roots.pem";
  std::ofstream{file} << pems;
  auto made = tls::client_context::make({.cert_file = file, .cert_dir = ""});
  std::filesystem::remove_all(name);
  return must(std::move(made));
}

certificates make() {
  // The keys of a world that is none of those that are played.
  simulation::made_up_time time;
  simulation::made_up_chance chance{0};
  simulation::library_world world{time, chance};
  certificates out;
  out.of_proxy = must(tls::authority::make(time.wall()));
  out.of_origins = must(tls::authority::make(time.wall()));
  out.proxy_trusts = trusting(out.of_origins->pem());
  out.client_trusts = trusting(out.of_origins->pem() + out.of_proxy->pem());
  out.proxy_serves = must(tls::server_context::make());
  out.origin_serves = must(tls::server_context::make());
  return out;
}

} // namespace

const certificates& certificates::of_all_worlds() {
  static const auto made = make();
  return made;
}

tls::leaf_ptr certificates::leaf_of(const std::string& name) const {
  static std::map<std::string, tls::leaf_ptr> made;
  auto& leaf = made[name];
  if (!leaf) {
    simulation::made_up_time time;
    simulation::made_up_chance chance{1};
    simulation::library_world world{time, chance};
    leaf = must(tls::mint(of_origins, *host::parse(name), time.wall()));
  }
  return leaf;
}

} // namespace proxy::simulate
