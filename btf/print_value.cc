// SPDX-License-Identifier: Apache-2.0
// See print_value.h. Structs and arrays nest as deep as the type says, so the walk keeps a stack of
// its own; what bounds it is a budget that each step and each byte of output takes from, since a
// type of a few bytes can describe more values than there is memory to write down.
#include "btf/print_value.h"

#include <algorithm>

#include "base/escape.h"
#include "btf/print_scalar.h"
#include "btf/shown_as.h"

namespace bpfld::btf {
namespace {

// A struct or array that is being printed.
struct Frame {
  Type type;
  u64 bit_offset = 0;
  u64 next = 0;
  u64 count = 0;
  u64 element_bits = 0;  // of an array
  bool inlined = false;  // an anonymous member: its members print as its parent's
  bool first = true;
};

class Printer {
 public:
  Printer(const View& view, Bytes record, Notation notation, std::string& out,
          std::size_t max_bytes)
      : view_(view),
        record_(record),
        notation_(notation),
        out_(out),
        budget_(max_bytes),
        limit_(out.size() + max_bytes) {}

  // The value at `bit_offset`; false, with nothing appended, when the record is too short for any
  // of it.
  bool print(const Shape& shape, u64 bit_offset) {
    if (shape.form != Form::array && shape.form != Form::composite)
      return print_leaf(shape, bit_offset);
    if (shape.bits != 0 && bit_offset >= u64{record_.size()} * 8) return false;
    open(shape, bit_offset, false);
    while (!stack_.empty())
      step();
    return true;
  }

 private:
  bool is_json() const { return notation_ == Notation::json; }
  bool is_full() const { return budget_ == 0 || out_.size() >= limit_; }

  bool print_leaf(const Shape& shape, u64 bit_offset) {
    if (shape.form != Form::text && shape.form != Form::bytes)
      return append_scalar(out_, view_, shape, record_, bit_offset, notation_);
    Field field;
    field.shape = shape;
    field.bit_offset = bit_offset;
    const std::optional<Bytes> bytes =
        shape.bits == 0 ? std::optional<Bytes>(Bytes()) : field_bytes(field, record_);
    if (!bytes) return false;
    if (shape.form == Form::bytes) {
      append_bytes(out_, *bytes, notation_);
    } else {
      append_string(out_, first_string(text_of(*bytes)), notation_);
    }
    return true;
  }

  void open(const Shape& shape, u64 bit_offset, bool inlined) {
    Frame frame;
    frame.type = view_.type(shape.type);
    frame.bit_offset = bit_offset;
    frame.inlined = inlined;
    if (shape.form == Form::array) {
      const Shape element = shape_of(view_, array(frame.type).element);
      frame.element_bits = element.bits;
      const u64 left = u64{record_.size()} * 8 - std::min(u64{record_.size()} * 8, bit_offset);
      if (element.bits != 0) frame.count = left / element.bits;
      if (array(frame.type).count != 0)
        frame.count = std::min<u64>(frame.count, array(frame.type).count);
    } else {
      frame.count = members(view_, frame.type).size();
    }
    if (!inlined) out_ += shape.form == Form::array ? '[' : '{';
    stack_.push_back(frame);
  }

  void close() {
    const Frame& frame = stack_.back();
    if (!frame.inlined) out_ += frame.type.kind == Kind::array ? ']' : '}';
    stack_.pop_back();
  }

  // Puts what separates two values in front of the next one. Members of an inlined struct count as
  // those of the struct around it.
  void separate(std::string_view json, std::string_view text) {
    Frame& around = stack_[parent()];
    if (!around.first) out_ += is_json() ? json : text;
    around.first = false;
  }

  void step() {
    Frame& frame = stack_.back();
    if (is_full() && frame.next < frame.count) {
      frame.next = frame.count;
      if (!frame.inlined) cut_off(frame.type.kind == Kind::array);
    }
    if (frame.next == frame.count) return close();
    budget_--;
    const u64 index = frame.next++;
    if (frame.type.kind == Kind::array) {
      step_element(frame, index);
    } else {
      step_member(frame, static_cast<u32>(index));
    }
  }

  void cut_off(bool in_array) {
    separate(",", in_array ? "," : " ");
    out_ += !is_json() ? "..." : in_array ? "\"...\"" : "\"...\":true";
  }

  bool nests(const Shape& shape) const {
    return shape.form == Form::array || shape.form == Form::composite;
  }

  void step_element(const Frame& frame, u64 index) {
    const u64 at = frame.bit_offset + index * frame.element_bits;
    const Shape shape = shape_of(view_, array(frame.type).element);
    separate(",", ",");
    if (nests(shape)) return stack_.size() > kMaxChain ? too_deep() : open(shape, at, false);
    if (!print_leaf(shape, at)) out_ += is_json() ? "null" : "-";
  }

  void step_member(const Frame& frame, u32 index) {
    const Member member = members(view_, frame.type)[index];
    const Shape shape = shape_of(view_, member.type, member.bitfield_size);
    const u64 at = frame.bit_offset + member.bit_offset;
    if (member.name.empty() && shape.form == Form::composite) {
      if (stack_.size() <= kMaxChain) open(shape, at, true);
      return;
    }
    if (is_padding_name(member.name) || (!is_json() && member.name.starts_with("__"))) return;
    const bool absent = shape.bits != 0 && (at + shape.bit_skip) / 8 >= record_.size();
    if (is_json() && absent) return;
    print_member(member.name, shape, at);
  }

  void print_member(std::string_view name, const Shape& shape, u64 at) {
    if (is_json() && !nests(shape)) {
      const std::size_t before = out_.size();
      const bool was_first = stack_[parent()].first;
      put_name(name);
      if (!print_leaf(shape, at)) {
        out_.resize(before);
        stack_[parent()].first = was_first;
        return;
      }
      const std::string label = scalar_name(view_, shape, record_, at);
      if (!label.empty()) {
        put_name(std::string(name) + "_str");
        append_string(out_, label, Notation::json);
      }
      return;
    }
    put_name(name);
    if (nests(shape)) return stack_.size() > kMaxChain ? too_deep() : open(shape, at, false);
    if (!print_leaf(shape, at)) out_ += '-';
  }

  std::size_t parent() const {
    std::size_t at = stack_.size() - 1;
    while (at > 0 && stack_[at].inlined)
      at--;
    return at;
  }

  void put_name(std::string_view name) {
    separate(",", " ");
    append_string(out_, name, is_json() ? Notation::json : Notation::plain);
    out_ += is_json() ? ':' : '=';
  }

  void too_deep() { out_ += is_json() ? "\"...\"" : "..."; }

  const View& view_;
  Bytes record_;
  Notation notation_;
  std::string& out_;
  std::size_t budget_;
  std::size_t limit_;
  std::vector<Frame> stack_;
};

// The strings of a text field; those of a tail are joined.
std::string field_text(const Field& field, Bytes bytes) {
  const std::string_view text = text_of(bytes);
  return field.many_strings ? join_strings(text) : std::string(first_string(text));
}

bool append_field(const View& view, const Field& field, Bytes record, std::string& out,
                  Notation notation, const PrintOptions& options) {
  if (field.show != Show::plain && notation != Notation::json)
    return append_shown(out, field, record);
  const Form form = field.shape.form;
  if (form == Form::text || form == Form::bytes) {
    const std::optional<Bytes> bytes = field_bytes(field, record);
    if (!bytes) return false;
    const Bytes shown = bytes->first(std::min(bytes->size(), options.max_bytes));
    if (form == Form::bytes) {
      append_bytes(out, shown, notation);
    } else {
      append_string(out, field_text(field, shown), notation);
    }
    return true;
  }
  // Inside {...} and [...] strings need quotes, in a column of their own they do not.
  const bool nested = form == Form::array || form == Form::composite;
  const Notation inner = notation == Notation::plain && nested ? Notation::quoted : notation;
  return Printer(view, record, inner, out, options.max_bytes).print(field.shape, field.bit_offset);
}

void append_label(const View& view, const Field& field, Bytes record, std::string& out) {
  std::string label;
  if (field.show == Show::plain)
    label = scalar_name(view, field.shape, record, field.bit_offset);
  else
    static_cast<void>(append_shown(label, field, record));
  if (label.empty()) return;
  out += ',';
  append_string(out, field.name + "_str", Notation::json);
  out += ':';
  append_string(out, label, Notation::json);
}

// What is left of the budget of a record that began at `start`.
PrintOptions remaining(const PrintOptions& options, const std::string& out, std::size_t start) {
  return {.max_bytes = options.max_bytes - std::min(options.max_bytes, out.size() - start)};
}

}  // namespace

void format_field(const View& view, const Field& field, Bytes record, std::string& out,
                  const PrintOptions& options) {
  if (!append_field(view, field, record, out, Notation::plain, options)) out += '-';
}

bool format_field_json(const View& view, const Field& field, Bytes record, std::string& out,
                       const PrintOptions& options) {
  return append_field(view, field, record, out, Notation::json, options);
}

void format_record_json(const View& view, const std::vector<Field>& fields, Bytes record,
                        std::string& out, const PrintOptions& options) {
  const std::size_t start = out.size();
  out += '{';
  bool first = true;
  for (const Field& field : fields) {
    if (field.padding) continue;
    const std::size_t before = out.size();
    const PrintOptions left = remaining(options, out, start);
    if (!first) out += ',';
    if (left.max_bytes == 0) {
      out += "\"...\":true";
      break;
    }
    append_string(out, field.name, Notation::json);
    out += ':';
    if (!format_field_json(view, field, record, out, left)) {
      out.resize(before);
      continue;
    }
    first = false;
    append_label(view, field, record, out);
  }
  out += '}';
}

std::string print_text(const View& view, TypeId type, Bytes bytes, const PrintOptions& options) {
  std::string out;
  const std::vector<Field> fields = columns(view, type);
  if (!is_composite(view.kind(resolve(view, type)))) {
    format_field(view, fields.front(), bytes, out, options);
    return out;
  }
  out += '{';
  for (const Field& field : fields) {
    if (field.hidden) continue;
    const PrintOptions left = remaining(options, out, 0);
    if (out.size() > 1) out += ' ';
    if (left.max_bytes == 0) {
      out += "...";
      break;
    }
    append_string(out, field.name, Notation::plain);
    out += '=';
    if (!append_field(view, field, bytes, out, Notation::quoted, left)) out += '-';
  }
  return out + '}';
}

std::string print_json(const View& view, TypeId type, Bytes bytes, const PrintOptions& options) {
  std::string out;
  const std::vector<Field> fields = columns(view, type);
  if (is_composite(view.kind(resolve(view, type)))) {
    format_record_json(view, fields, bytes, out, options);
  } else if (!format_field_json(view, fields.front(), bytes, out, options)) {
    out += "null";
  }
  return out;
}

}  // namespace bpfld::btf
