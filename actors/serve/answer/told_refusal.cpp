#include "actors/serve/answer/told_refusal.hpp"

namespace proxy {

namespace {

bool same(const policy::denial& a, const policy::denial& b) {
  return a.reason == b.reason && a.source == b.source && a.decision == b.decision &&
         a.rule == b.rule && a.words == b.words && a.passed == b.passed && a.address == b.address;
}

bool same(const policy::target& a, const policy::target& b) {
  return a.protocol == b.protocol && a.port == b.port && a.upgrade == b.upgrade &&
         a.in_tunnel == b.in_tunnel && a.host == b.host && a.method == b.method &&
         (a.unix_socket == b.unix_socket ||
          (a.unix_socket && b.unix_socket && *a.unix_socket == *b.unix_socket));
}

} // namespace

void told_refusal::note_places(std::string_view id) {
  places_.clear();
  id_size_ = id.size();
  // Our ids are 64 bits of chance: nothing else in the text is one.
  for (auto at = text_.find(id); at != std::string::npos && !id.empty();
       at = text_.find(id, at + id.size()))
    places_.push_back(at);
}

void told_refusal::append(std::string& out, const policy::rules& in_force,
                          const policy::denial& why, const policy::target& what,
                          policy::path_style paths, answer_options options) {
  auto id = options.request_id;
  if (!text_.empty() && in_force.generation == generation_ && paths == paths_ &&
      options.form == form_ && options.close == close_ && options.head_only == head_only_ &&
      options.in_tunnel == in_tunnel_ && id.size() == id_size_ && same(why, why_) &&
      same(what, what_)) {
    for (auto at : places_)
      text_.replace(at, id.size(), id);
  } else {
    auto remedy = policy::remedy_for(in_force, why, what, paths);
    options.remedy = remedy;
    text_.clear();
    append_refusal(text_, why, what, options);
    note_places(id);
    generation_ = in_force.generation;
    paths_ = paths;
    form_ = options.form;
    close_ = options.close;
    head_only_ = options.head_only;
    in_tunnel_ = options.in_tunnel;
    why_ = why;
    what_ = what;
  }
  out += text_;
}

} // namespace proxy
