// SPDX-License-Identifier: Apache-2.0
// See dump.h. A type is first turned into fields, `key=value` of known order, and then these are
// written in one of two ways, so that text and JSON cannot tell different stories.
#include "btf/dump.h"

#include <vector>

#include "base/escape.h"
#include "btf/types.h"

namespace bpfld::btf {
namespace {

// spec: one key and its value, a number or a word.
struct Field {
  std::string_view key;
  std::string value;
  bool is_number = true;
};
using Fields = std::vector<Field>;

void add(Fields& fields, std::string_view key, u64 value) {
  fields.push_back({key, format("{}", value)});
}
void add(Fields& fields, std::string_view key, std::string_view word) {
  fields.push_back({key, std::string(word), false});
}

std::string_view linkage_word(Linkage linkage) {
  switch (linkage) {
    case Linkage::static_: return "static";
    case Linkage::global: return "global";
    case Linkage::extern_: return "extern";
    case Linkage::other: return "(unknown)";
  }
  return "(unknown)";
}

std::string_view encoding_word(u8 encoding) {
  switch (encoding) {
    case 0: return "(none)";
    case kIntSigned: return "SIGNED";
    case kIntChar: return "CHAR";
    case kIntBool: return "BOOL";
    default: return "(mixed)";
  }
}

Fields record_fields(const Type& type) {
  Fields out;
  const bool lists = find_kind(type.kind) != nullptr && find_kind(type.kind)->words_per_entry != 0;
  if (type.kind == Kind::int_) {
    const Int info = int_info(type);
    add(out, "size", type.size());
    add(out, "bits_offset", info.bit_offset);
    add(out, "nr_bits", info.bits);
    add(out, "encoding", encoding_word(info.encoding));
  } else if (type.kind == Kind::array) {
    const Array list = array(type);
    add(out, "type_id", list.element.value);
    add(out, "index_type_id", list.index.value);
    add(out, "nr_elems", list.count);
  } else if (type.kind == Kind::fwd) {
    add(out, "fwd_kind", fwd_is_union(type) ? "union" : "struct");
  } else {
    if (is_enum(type.kind)) add(out, "encoding", type.kind_flag ? "SIGNED" : "UNSIGNED");
    if (third_word(type.kind) == Third::size) add(out, "size", type.size());
    if (third_word(type.kind) == Third::type)
      add(out, type.kind == Kind::func_proto ? "ret_type_id" : "type_id", type.type().value);
    if (lists) add(out, "vlen", type.vlen);
  }
  if (type.kind == Kind::func) add(out, "linkage", linkage_word(func_linkage(type)));
  if (type.kind == Kind::var) add(out, "linkage", linkage_word(var_linkage(type)));
  if (type.kind == Kind::decl_tag)
    out.push_back({"component_idx", format("{}", tag_component(type))});
  if (type.kind == Kind::unknown) add(out, "kind", u64{type.kind_number});
  return out;
}

// Calls `visit` with the name (null: it has none) and fields of each entry of the type's list.
template <typename Visit>
void each_entry(const View& view, const Type& type, Visit visit) {
  Fields fields;
  for (const Member& member : members(view, type)) {
    fields.clear();
    add(fields, "type_id", member.type.value);
    add(fields, "bits_offset", member.bit_offset);
    if (member.bitfield_size != 0) add(fields, "bitfield_size", member.bitfield_size);
    visit(&member.name, fields);
  }
  for (const Enumerator& entry : enumerators(view, type)) {
    fields.clear();
    const bool negative = type.kind_flag && entry.value >> 63 != 0;
    fields.push_back({"val", negative ? format("{}", static_cast<i64>(entry.value))
                                      : format("{}", entry.value)});
    visit(&entry.name, fields);
  }
  for (const Param& param : params(view, type)) {
    fields.clear();
    add(fields, "type_id", param.type.value);
    visit(&param.name, fields);
  }
  for (const Variable& variable : variables(view, type)) {
    fields.clear();
    add(fields, "type_id", variable.type.value);
    add(fields, "offset", variable.offset);
    add(fields, "size", variable.size);
    visit(nullptr, fields);
  }
}

std::string quoted(std::string_view name) {
  return name.empty() ? "'(anon)'" : "'" + escape_terminal(name) + "'";
}

void write_text(const Fields& fields, std::string& out) {
  for (const Field& field : fields)
    out += format(" {}={}", field.key, field.value);
}

void write_json(const Fields& fields, std::string& out) {
  for (const Field& field : fields)
    out +=
        format(",\"{}\":{}", field.key,
               field.is_number && field.value.size() < 16 ? field.value : json_string(field.value));
}

std::string_view list_key(Kind kind) {
  if (is_enum(kind)) return "values";
  if (kind == Kind::func_proto) return "params";
  return kind == Kind::datasec ? "vars" : "members";
}

}  // namespace

void append_raw_text(const View& view, TypeId id, std::string& out) {
  const Type type = view.type(id);
  out += format("[{}] {} {}", id.value, kind_name(type.kind), quoted(type.name));
  write_text(record_fields(type), out);
  out += '\n';
  each_entry(view, type, [&](const std::string_view* name, const Fields& fields) {
    out += '\t';
    std::string text;
    write_text(fields, text);
    out += name != nullptr ? quoted(*name) + text : text.substr(1);
    out += '\n';
  });
}

void append_raw_json(const View& view, TypeId id, std::string& out) {
  const Type type = view.type(id);
  out += format("{{\"id\":{},\"kind\":\"{}\",\"name\":{}", id.value, kind_name(type.kind),
                json_string(type.name));
  write_json(record_fields(type), out);
  const KindRow* row = find_kind(type.kind);
  if (row != nullptr && row->words_per_entry != 0) {
    out += format(",\"{}\":[", list_key(type.kind));
    bool first = true;
    each_entry(view, type, [&](const std::string_view* name, const Fields& fields) {
      std::string text;
      write_json(fields, text);
      if (!first) out += ',';
      first = false;
      out += name != nullptr ? format("{{\"name\":{}{}}}", json_string(*name), text)
                             : "{" + text.substr(1) + "}";
    });
    out += ']';
  }
  out += "}\n";
}

}  // namespace bpfld::btf
