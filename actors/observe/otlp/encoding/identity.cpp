#include "actors/observe/otlp/encoding/identity.hpp"

#include "actors/observe/event_fields.hpp"
#include "actors/observe/otlp/encoding/attributes.hpp"
#include "actors/version.hpp"

namespace proxy::otlp {

namespace {

template <class Message>
std::string resource_of(const attributes& all) {
  std::string out;
  {
    Message resource{out};
    attribute_writer<Message> write{resource, {1, "attributes"}};
    for (const auto& [name, value] : all)
      write(name, std::string_view{value});
  }
  return out;
}

template <class Message>
std::string our_scope() {
  std::string out;
  {
    Message scope{out};
    scope.text({1, "name"}, event_target);
    scope.text({2, "version"}, version);
  }
  return out;
}

} // namespace

identity::identity(const attributes& of, attributes more, config::otlp_encoding in)
  : encoding(in), metadata(std::move(more)) {
  auto json = in == config::otlp_encoding::json;
  resource = json ? resource_of<json_message>(of) : resource_of<protobuf_message>(of);
  scope = json ? our_scope<json_message>() : our_scope<protobuf_message>();
}

} // namespace proxy::otlp
