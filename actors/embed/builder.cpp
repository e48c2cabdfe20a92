#include <caf/send.hpp>

#include <utility>

#include "actors/embed/builder_impl.hpp"
#include "actors/embed/handle_impl.hpp"
#include "actors/embed/translate.hpp"

namespace codex {

using builder = network_proxy::builder;

builder::builder() : impl_(std::make_unique<impl>()) {}
builder::builder(builder&&) noexcept = default;
builder& builder::operator=(builder&&) noexcept = default;
builder::~builder() = default;

builder& builder::config(network_config values) {
  impl_->values = std::move(values);
  return *this;
}

builder& builder::config_file(std::string path) {
  impl_->files.push_back(std::move(path));
  return *this;
}

builder& builder::set(std::string assignment) {
  impl_->sets.push_back(std::move(assignment));
  return *this;
}

builder& builder::http_addr(std::string address) {
  impl_->http = std::move(address);
  return *this;
}

builder& builder::socks_addr(std::string address) {
  impl_->socks = std::move(address);
  return *this;
}

builder& builder::admin_addr(std::string address) {
  impl_->admin = std::move(address);
  return *this;
}

builder& builder::managed_by_codex(bool managed) {
  impl_->managed = managed;
  return *this;
}

builder& builder::workers(unsigned count) {
  impl_->workers = count;
  return *this;
}

builder& builder::metadata(audit_metadata values) {
  impl_->metadata = std::move(values);
  return *this;
}

builder& builder::attributes(connection_attributes values) {
  impl_->attributes = std::move(values);
  return *this;
}

builder& builder::environment(std::map<std::string, std::string> variables) {
  impl_->environment = std::move(variables);
  return *this;
}

builder&
builder::decide_by_reply(std::function<void(const policy_request&, decision_reply)> decide) {
  impl_->decide = std::move(decide);
  return *this;
}

builder& builder::decide_by_value(std::function<network_decision(const policy_request&)> decide) {
  impl_->decide = proxy::embed::answering(std::move(decide));
  return *this;
}

builder& builder::decide_by_future(
  std::function<std::future<network_decision>(const policy_request&)> decide) {
  impl_->decide = proxy::embed::answering_later(std::move(decide));
  return *this;
}

builder& builder::decider_threads(unsigned count) {
  impl_->decider_threads = count;
  return *this;
}

builder& builder::blocked_request_observer(std::function<void(const blocked_request&)> observe) {
  impl_->observe = std::move(observe);
  return *this;
}

builder& builder::audit_sink(std::function<void(std::string_view)> take) {
  impl_->audit = std::move(take);
  return *this;
}

builder& builder::log_sink(std::function<void(std::string_view)> take) {
  impl_->log = std::move(take);
  return *this;
}

namespace {

/// Fields of every audit event, by name.
std::vector<std::pair<std::string, std::string>> fields_of(const audit_metadata& values) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty())
      out.emplace_back(name, value);
  };
  add("conversation.id", values.conversation_id);
  add("app.version", values.app_version);
  add("user.account_id", values.user_account_id);
  for (const auto& [name, value] : values.more)
    add(name, value);
  return out;
}

/// Who hears of refusals; null: nobody does.
std::function<void(const proxy::decision_event_ptr&)> observer_of(const builder::impl& said,
                                                                  proxy::embed::belongings& has) {
  std::function<void(const proxy::decision_event_ptr&)> one;
  if (said.observe)
    one = has.told->add_observer(said.observe);
  if (!said.system)
    return one;
  has.events = proxy::embed::spawn_events(*said.system);
  return [one = std::move(one), events = has.events](const proxy::decision_event_ptr& refusal) {
    caf::anon_send(events, proxy::atom::record_v, refusal);
    if (one)
      one(refusal);
  };
}

/// @param has  What it gets that the order refers to.
proxy::start_order order_of(const builder::impl& said, proxy::embed::belongings& has) {
  proxy::start_order order;
  has.environment = std::make_shared<proxy::embed::environment_values>(
    said.environment ? *said.environment : proxy::embed::copy_environment());
  order.from = proxy::embed::sources_of(said, has.environment);
  order.failed = [told = has.becomes](const std::string& why) { told->fail(why); };
  order.around.speaks = false;
  order.around.system = has.system = said.system;
  order.around.metadata = fields_of(said.metadata);
  if (said.log)
    order.around.log = has.told->add_lines(said.log);
  if (said.audit)
    order.around.audit = has.told->add_lines(said.audit);
  order.around.refused = observer_of(said, has);
  if (said.decide)
    order.around.decider = has.deciders = std::make_shared<proxy::embed::decider_pool>(
      said.decide, said.attributes, said.decider_threads);
  return order;
}

/// The same for our own program.
proxy::start_order order_of(const proxy::embed::own_program& said, proxy::embed::belongings& has) {
  has.environment =
    std::make_shared<proxy::embed::environment_values>(proxy::embed::environment_values::map{});
  auto failed = [told = has.becomes, also = said.failed](const std::string& why) {
    told->fail(why);
    if (also)
      also(why);
  };
  return {said.from, std::move(failed), said.can, said.loaded, {}};
}

} // namespace

result<network_proxy> builder::build() {
  proxy::embed::belongings has;
  auto bound = proxy::network_proxy::bind(impl_->program ? order_of(*impl_->program, has)
                                                         : order_of(*impl_, has));
  if (auto* why = std::get_if<proxy::start_failure>(&bound))
    return proxy::embed::translate(*why);
  auto made = std::make_unique<network_proxy::impl>();
  made->has = std::move(has);
  const auto& own = made->bound.emplace(std::get<proxy::bound_proxy>(std::move(bound)));
  made->http = own.address(proxy::endpoint::http).value_or("");
  made->socks = own.address(proxy::endpoint::socks).value_or("");
  made->admin = own.address(proxy::endpoint::admin).value_or("");
  return network_proxy{std::move(made)};
}

} // namespace codex
