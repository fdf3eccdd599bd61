// Reads just enough of a regular expression to name a literal that it needs.
// What is not understood counts as "no literal here", which is always safe.
#include <algorithm>
#include <utility>

#include "matching/literal_gate.h"

namespace gpuward::matching {
namespace {

using Literals = std::vector<std::string>;

size_t shortest(const Literals& literals) {
  size_t length = literals.empty() ? 0 : literals.front().size();
  for (const std::string& one : literals) length = std::min(length, one.size());
  return length;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Literals alternatives() {
    Literals all;
    bool every = true;
    do {
      Literals branch = sequence();
      every = every && !branch.empty();
      all.insert(all.end(), branch.begin(), branch.end());
    } while (take('|'));
    return every ? all : Literals{};
  }

 private:
  bool more() const { return at_ < text_.size(); }
  char peek() const { return text_[at_]; }
  bool take(char c) {
    if (!more() || peek() != c) return false;
    ++at_;
    return true;
  }

  void offer(Literals candidate) {
    if (shortest(candidate) > shortest(best_)) best_ = std::move(candidate);
  }
  void end_run() {
    if (!run_.empty()) offer({run_});
    run_.clear();
  }

  // How the item just read may be repeated: 1 once, 2 at least once, 0 perhaps
  // not at all.
  int repetition() {
    if (!more()) return 1;
    int least = 1;
    if (take('+')) {
      least = 2;
    } else if (take('*') || take('?')) {
      least = 0;
    } else if (peek() == '{') {
      least = at_ + 1 < text_.size() && text_[at_ + 1] == '0' ? 0 : 2;
      while (more() && text_[at_++] != '}') {
      }
    }
    if (least != 1) take('?');
    return least;
  }

  Literals sequence() {
    const Literals outer_best = std::exchange(best_, {});
    const std::string outer_run = std::exchange(run_, {});
    while (more() && peek() != '|' && peek() != ')') item();
    end_run();
    Literals found = std::exchange(best_, outer_best);
    run_ = outer_run;
    return found;
  }

  void item() {
    const char c = text_[at_++];
    if (c == '(') return group();
    if (c == '[') return char_class();
    if (c == '.' || c == '^' || c == '$') {
      end_run();
      repetition();
      return;
    }
    if (c != '\\') return literal(c);
    if (!more()) return end_run();
    const char escaped = text_[at_++];
    const bool letter = (escaped >= 'a' && escaped <= 'z') ||
                        (escaped >= 'A' && escaped <= 'Z') ||
                        (escaped >= '0' && escaped <= '9');
    if (!letter) return literal(escaped);
    end_run();
    repetition();
  }

  void literal(char c) {
    const int times = repetition();
    if (times != 0) run_ += c;
    if (times != 1) end_run();
  }

  void char_class() {
    end_run();
    take('^');
    take(']');
    while (more() && peek() != ']') at_ += peek() == '\\' ? 2 : 1;
    take(']');
    repetition();
  }

  void group() {
    end_run();
    if (take('?')) {
      while (more() && peek() != ':' && peek() != '>' && peek() != ')') ++at_;
      if (!take(':')) take('>');
    }
    Literals inner = alternatives();
    take(')');
    if (repetition() != 0) offer(std::move(inner));
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string run_;
  Literals best_;
};

}  // namespace

std::vector<std::string> required_literals(std::string_view pattern) {
  return Reader(pattern).alternatives();
}

}  // namespace gpuward::matching
