// The example of the implementation in Rust, line by line (its lines stand above ours). Where it
// uses fixed ports, arguments may name others; and it serves until its input ends.

#include <codex/network_proxy.hpp>

#include <iostream>
#include <limits>

// use codex_network_proxy::{NetworkProxy, NetworkDecision, NetworkPolicyRequest};
using codex::network_decision, codex::network_proxy, codex::policy_request;

namespace {

int complain(const codex::error& why) {
  std::cerr << why.message << '\n';
  for (const auto& each : why.problems)
    std::cerr << each.str() << '\n';
  return 1;
}

} // namespace

int main(int count, char** words) {
  // let proxy = NetworkProxy::builder()
  network_proxy::builder builder;
  //     .http_addr("127.0.0.1:8080".parse()?)
  builder
    .http_addr(count > 1 ? words[1] : "127.0.0.1:8080")
    //     .admin_addr("127.0.0.1:9000".parse()?)
    .admin_addr(count > 2 ? words[2] : "127.0.0.1:9000")
    // (what its requests have as `command`, it leaves to the program around it)
    .attributes({.command = count > 3 ? words[3] : ""})
    //     .policy_decider(|request: NetworkPolicyRequest| async move {
    .policy_decider([](const policy_request& request) {
      //         // Example: auto-allow when exec policy already approved a command prefix.
      //         if let Some(command) = request.command.as_deref() {
      //             if command.starts_with("curl ") {
      //                 return NetworkDecision::Allow;
      if (request.command.starts_with("curl "))
        return network_decision::allow();
      //         NetworkDecision::Deny { reason: "policy_denied".to_string() }
      return network_decision::deny("policy_denied");
    });
  //     .build()
  //     .await?;
  auto proxy = builder.build();
  if (!proxy)
    return complain(proxy.error());

  // let handle = proxy.run().await?;
  auto handle = proxy->run();
  if (!handle)
    return complain(handle.error());

  // proxy.apply_to_env(&mut env);
  std::map<std::string, std::string> environment;
  if (auto applied = handle->apply_to_env(environment); !applied)
    return complain(applied.error());
  std::cout << environment["HTTP_PROXY"] << '\n' << handle->admin_addr() << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());

  // handle.shutdown().await?;
  auto ended = handle->shutdown(std::chrono::seconds(5));
  return ended ? 0 : complain(ended.error());
}
