// SPDX-License-Identifier: Apache-2.0
// See encode_value.h. Brackets nest as deep as somebody types, so the open ones are a stack of our
// own. Each step takes at least one byte of the text, which bounds everything.
#include "btf/encode_value.h"

#include <algorithm>

#include "base/escape.h"
#include "btf/encode_scalar.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kDeepest = 64;         // more than any type that C programmers write
constexpr std::size_t kMostMembers = 65536;  // looked at for one name, in anonymous members

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Ends a bare word.
bool is_mark(char c) {
  return is_blank(c) || std::string_view(",:=[]{}\"").find(c) != std::string_view::npos;
}

// The text, as words and marks.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_]))
      at_++;
  }
  // The next character that is not blank; 0 at the end.
  char peek() {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char mark) {
    if (peek() != mark || at_ == text_.size()) return false;
    at_++;
    return true;
  }
  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  std::size_t position() const { return at_; }

  Result<Word> word() {
    const char first = peek();
    if (first == '"' || first == '\'') return quoted(first);
    Word out;
    const std::size_t start = at_;
    while (at_ < text_.size() && !is_mark(text_[at_]))
      at_++;
    // "hex:" is the one word with a colon in it.
    if (text_.substr(start, at_ - start) == "hex" && at_ < text_.size() && text_[at_] == ':') {
      at_++;
      while (at_ < text_.size() && !is_mark(text_[at_]))
        at_++;
    }
    if (at_ == start) return unexpected("a value");
    out.text = text_.substr(start, at_ - start);
    return out;
  }

  std::unexpected<Error> unexpected(std::string_view wanted) {
    if (at_end()) return fail(Code::usage, "the text ends where {} was expected", wanted);
    return fail(Code::usage, "at \"{}\" (character {}): {} was expected",
                escape_terminal(text_.substr(at_, 16)), at_ + 1, wanted);
  }

 private:
  Result<Word> quoted(char quote) {
    Word out{.text = {}, .quote = quote};
    const std::size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] != '\\') {
        out.text += text_[at_++];
        continue;
      }
      at_++;
      if (!escape(out.text)) return unexpected("one of \\\\ \\\" \\n \\t \\r \\0 \\xHH \\u00HH");
    }
    if (at_ == text_.size())
      return fail(Code::usage, "the text that starts at character {} has no closing {}", start + 1,
                  quote == '"' ? "\"" : "'");
    at_++;
    return out;
  }

  // What follows a backslash.
  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\\\"'/ntr0bf";
    constexpr std::string_view kValues("\\\"'/\n\t\r\0\b\f", 10);
    if (at_ == text_.size()) return false;
    const char name = text_[at_];
    if (const std::size_t known = kNames.find(name); known != std::string_view::npos) {
      out += kValues[known];
      at_++;
      return true;
    }
    const bool wide = text_.substr(at_).starts_with("u00");
    if (name != 'x' && !wide) return false;
    const std::optional<std::vector<std::byte>> byte =
        parse_hex(text_.substr(at_ + (wide ? 3 : 1), 2));
    if (!byte || byte->size() != 1) return false;
    out += static_cast<char>(byte->front());
    at_ += wide ? 5 : 3;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// A place in the value and its type.
struct Slot {
  Shape shape;
  u64 bit_offset = 0;
};

// An open bracket.
struct Frame {
  Type type;
  u64 bit_offset = 0;
  bool is_array = false;
  Shape element;  // of an array
  u64 next = 0;   // of an array: the element that comes next
  u64 count = 0;
};

// The member of that name, in anonymous members too.
std::optional<Slot> find_member(const View& view, const Type& outer, u64 bit_offset,
                                std::string_view name) {
  struct Level {
    Type type;
    u64 bit_offset;
  };
  std::vector<Level> left = {{outer, bit_offset}};
  std::size_t seen = 0;
  for (std::size_t i = 0; i < left.size(); i++) {
    const Level level = left[i];
    for (const Member& member : members(view, level.type)) {
      if (++seen > kMostMembers) return std::nullopt;
      const u64 place = level.bit_offset + member.bit_offset;
      if (!member.name.empty() && member.name == name)
        return Slot{shape_of(view, member.type, member.bitfield_size), place};
      const Type inner = resolved(view, member.type);
      if (member.name.empty() && is_composite(inner.kind)) left.push_back({inner, place});
    }
  }
  return std::nullopt;
}

std::string member_names(const View& view, const Type& type) {
  constexpr u32 kShown = 12;
  std::string out;
  const Entries<Member> list = members(view, type);
  for (u32 i = 0; i < std::min(list.size(), kShown); i++)
    if (!list[i].name.empty()) out += (out.empty() ? "" : " ") + escape_terminal(list[i].name);
  return list.size() > kShown ? out + " ..." : out;
}

class Encoder {
 public:
  Encoder(const View& view, std::string_view text, std::vector<std::byte>& out)
      : view_(view), reader_(text), out_(out) {}

  Status run(TypeId type) {
    TRY(value({shape_of(view_, type), 0}));
    while (!stack_.empty())
      TRY(stack_.back().is_array ? array_step() : struct_step());
    if (!reader_.at_end()) return reader_.unexpected("the end of the value");
    return {};
  }

 private:
  // A whole scalar, or only the opening bracket of more.
  Status value(const Slot& slot) {
    const char first = reader_.peek();
    if (first == '{' && slot.shape.form == Form::composite) return open(slot, false);
    const bool listed = slot.shape.form == Form::array || slot.shape.form == Form::bytes ||
                        slot.shape.form == Form::text;
    if (first == '[' && listed) return open(slot, true);
    if (first == '{' || first == '[')
      return fail(Code::usage, "\"{}\" is not written with {}",
                  escape_terminal(type_name(view_, slot.shape.type)),
                  first == '{' ? "{...}" : "[...]");
    const Word word = TRY(reader_.word());
    return encode_scalar(view_, slot.shape, word, out_, slot.bit_offset);
  }

  Status open(const Slot& slot, bool is_array) {
    if (stack_.size() == kDeepest)
      return fail(Code::usage, "more than {} brackets are open", kDeepest);
    reader_.take(is_array ? '[' : '{');
    Frame frame;
    frame.type = view_.type(slot.shape.type);
    frame.bit_offset = slot.bit_offset;
    frame.is_array = is_array;
    if (is_array) {
      frame.element = shape_of(view_, array(frame.type).element);
      frame.count = array(frame.type).count;
    }
    stack_.push_back(std::move(frame));
    return {};
  }

  // Between two entries there may be a comma; after the last one, too.
  bool closed(char mark) {
    reader_.take(',');
    if (!reader_.take(mark)) return false;
    stack_.pop_back();
    return true;
  }

  Status array_step() {
    if (closed(']')) return {};
    Frame& frame = stack_.back();
    if (frame.next == frame.count)
      return fail(Code::usage, "\"{}\" has no more than {} elements",
                  escape_terminal(type_name(view_, frame.type.id)), frame.count);
    const u64 place = frame.bit_offset + frame.next++ * frame.element.bits;
    return value({frame.element, place});
  }

  Status struct_step() {
    if (closed('}')) return {};
    const Frame& frame = stack_.back();
    const Word name = TRY(reader_.word());
    if (!reader_.take(':') && !reader_.take('=')) return reader_.unexpected("':' after a name");
    const std::optional<Slot> slot = find_member(view_, frame.type, frame.bit_offset, name.text);
    if (slot) return value(*slot);
    // The name of an enumerator, which print_json() writes beside its number.
    constexpr std::string_view kName = "_str";
    const std::string_view text = name.text;
    if (text.ends_with(kName) && find_member(view_, frame.type, frame.bit_offset,
                                             text.substr(0, text.size() - kName.size()))) {
      TRY(reader_.word());
      return {};
    }
    return fail(Code::usage, "\"{}\" has no member \"{}\"; it has: {}",
                escape_terminal(type_name(view_, frame.type.id)), escape_terminal(name.text),
                member_names(view_, frame.type));
  }

  const View& view_;
  Reader reader_;
  std::vector<std::byte>& out_;
  std::vector<Frame> stack_;
};

// Text that needs no quotes: all of it is the value.
bool is_plain_text(const Shape& shape, std::string_view text) {
  return shape.form == Form::text && !text.starts_with('"') && !text.starts_with('[') &&
         !text.starts_with("hex:");
}

}  // namespace

Result<std::vector<std::byte>> encode_value(const View& view, TypeId type, std::string_view text) {
  const u64 size = TRY(size_of(view, type));
  if (size > kMaxEncodedBytes)
    return fail(Code::limit, "\"{}\" has {} bytes, more than {}",
                escape_terminal(type_name(view, type)), size, kMaxEncodedBytes);
  std::vector<std::byte> out(static_cast<std::size_t>(size));
  const Shape shape = shape_of(view, type);
  constexpr std::string_view kHex = "hex:";
  if (text.starts_with(kHex)) {
    const std::optional<std::vector<std::byte>> bytes = parse_hex(text.substr(kHex.size()));
    if (bytes && bytes->size() == size) return *bytes;
    return fail(Code::usage, "hex: wants {} pairs of hexadecimal digits, all bytes of \"{}\"", size,
                escape_terminal(type_name(view, type)));
  }
  if (is_plain_text(shape, text)) {
    TRY(encode_scalar(view, shape, {.text = std::string(text)}, out, 0));
    return out;
  }
  TRY(Encoder(view, text, out).run(type));
  return out;
}

Result<std::vector<std::byte>> encode_bytes(u64 size, std::string_view text) {
  if (size > kMaxEncodedBytes)
    return fail(Code::limit, "{} bytes are more than {}", size, kMaxEncodedBytes);
  const auto wanted = [&] {
    return fail(Code::usage,
                "\"{}\": the type is not known; want hex: and the digits of {} bytes{}",
                escape_terminal(text), size,
                size == 1 || size == 2 || size == 4 || size == 8 ? ", or a number" : "");
  };
  std::vector<std::byte> out(static_cast<std::size_t>(size));
  constexpr std::string_view kHex = "hex:";
  if (text.starts_with(kHex)) {
    std::optional<std::vector<std::byte>> bytes = parse_hex(text.substr(kHex.size()));
    if (!bytes || bytes->size() != size) return wanted();
    return *std::move(bytes);
  }
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    const Bytes bytes = bytes_of(text.substr(1, text.size() - 2));
    if (bytes.size() > size) return wanted();
    std::ranges::copy(bytes, out.begin());
    return out;
  }
  const bool number = size == 1 || size == 2 || size == 4 || size == 8;
  const std::optional<u64> value = number ? parse_integer(text, size * 8) : std::nullopt;
  if (!value) return wanted();
  write_bits(out, 0, size * 8, *value);
  return out;
}

}  // namespace bpfld::btf
