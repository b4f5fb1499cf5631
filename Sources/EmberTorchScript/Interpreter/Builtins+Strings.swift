import EmberRuntime
import EmberTensor

extension Builtins {
  static func addStrings(_ table: inout [String: Builtin]) {
    table["aten::str"] = { arguments, machine in
      guard let value = arguments.positional.first else { return .string("") }
      return .string(try value.text(in: machine))
    }
    table["aten::format"] = { arguments, machine in
      guard case .string(let pattern)? = arguments.positional.first else { return nil }
      var result = "", next = 1
      var rest = Substring(pattern)
      while let place = firstRange(of: "{}", in: rest) {
        result += rest[..<place.lowerBound]
        rest = rest[place.upperBound...]
        guard next < arguments.count else { throw ScriptFailure("format has too few arguments for \(pattern.prefix(100))") }
        result += try arguments.positional[next].text(in: machine)
        next += 1
      }
      result += rest
      try machine.charge(result.utf8.count)
      return .string(result)
    }
    table["aten::percentFormat"] = percentFormat
    func change(_ name: String, _ body: @escaping (String) -> String) {
      table["aten::\(name)"] = { arguments, machine in
        guard arguments.count == 1, case .string(let text) = arguments.positional[0] else { return nil }
        try machine.charge(text.utf8.count)
        return .string(body(text))
      }
    }
    change("upper") { $0.uppercased() }
    change("lower") { $0.lowercased() }
    change("capitalize") { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }
    change("swapcase") { String($0.flatMap { $0.isUppercase ? $0.lowercased() : $0.uppercased() }) }
    func strip(_ name: String, front: Bool, back: Bool) {
      table["aten::\(name)"] = { arguments, _ in
        guard case .string(let text)? = arguments.positional.first else { return nil }
        let set = try arguments.optional(1)?.string("chars") ?? " \t\n\r\u{0B}\u{0C}"
        var rest = Substring(text)
        while front, let first = rest.first, set.contains(first) { rest = rest.dropFirst() }
        while back, let last = rest.last, set.contains(last) { rest = rest.dropLast() }
        return .string(String(rest))
      }
    }
    strip("strip", front: true, back: true)
    strip("lstrip", front: true, back: false)
    strip("rstrip", front: false, back: true)
    func ask(_ name: String, _ body: @escaping (String, String) -> ScriptValue) {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count >= 2, case .string(let text) = arguments.positional[0], case .string(let other) = arguments.positional[1] else {
          return nil
        }
        // Bounds, which hardly any model gives, narrow the text that is looked at.
        let scalars = Array(text.unicodeScalars)
        func bound(_ position: Int, _ otherwise: Int) throws -> Int {
          guard let value = try arguments.optional(position)?.integer("bound") else { return otherwise }
          return min(max(value < 0 ? value + scalars.count : value, 0), scalars.count)
        }
        let start = try bound(2, 0), end = max(start, try bound(3, scalars.count))
        guard start > 0 || end < scalars.count else { return body(text, other) }
        var part = String.UnicodeScalarView()
        part.append(contentsOf: scalars[start..<end])
        let found = body(String(part), other)
        if case .integer(let position) = found, position >= 0, name != "count" { return .integer(position + start) }
        return found
      }
    }
    ask("startswith") { .bool($0.hasPrefix($1)) }
    ask("endswith") { .bool($0.hasSuffix($1)) }
    ask("find") { text, part in
      firstRange(of: part, in: Substring(text)).map { .integer(text[..<$0.lowerBound].unicodeScalars.count) } ?? .integer(-1)
    }
    ask("rfind") { text, part in
      var found = -1, rest = Substring(text)
      while let range = firstRange(of: part, in: rest) {
        found = text[..<range.lowerBound].unicodeScalars.count
        if range.lowerBound == text.endIndex { break }
        rest = text[text.index(after: range.lowerBound)...]
      }
      return .integer(found)
    }
    let countOfList = table["aten::count"]
    ask("count") { text, part in .integer(part.isEmpty ? text.unicodeScalars.count + 1 : divided(text, by: part, atMost: .max).count - 1) }
    let countOfText = table["aten::count"]!
    table["aten::count"] = { arguments, machine in try countOfText(arguments, machine) ?? countOfList?(arguments, machine) }
    table["aten::replace"] = { arguments, machine in
      guard arguments.count >= 3, case .string(let text) = arguments.positional[0] else { return nil }
      let old = try arguments.positional[1].string("old"), new = try arguments.positional[2].string("new")
      let times = try arguments.optional(3)?.integer("max") ?? -1
      guard !old.isEmpty else { throw ScriptFailure("replace of an empty string") }
      let parts = divided(text, by: old, atMost: times < 0 ? .max : times)
      try machine.charge(text.utf8.count + parts.count * new.utf8.count)
      return .string(parts.joined(separator: new))
    }
    table["aten::split"] = { arguments, machine in
      guard case .string(let text)? = arguments.positional.first else { return nil }
      try machine.charge(text.utf8.count)
      let times = try arguments.optional(2)?.integer("max") ?? -1
      guard let separator = try arguments.optional(1)?.string("separator") else {
        return .list(try ScriptList(text.split(maxSplits: times < 0 ? .max : times, whereSeparator: \.isWhitespace).map { .string(String($0)) }))
      }
      guard !separator.isEmpty else { throw ScriptFailure("ValueError: empty separator") }
      return .list(try ScriptList(divided(text, by: separator, atMost: times < 0 ? .max : times).map { .string(String($0)) }))
    }
    table["aten::splitlines"] = { arguments, machine in
      guard case .string(let text)? = arguments.positional.first else { return nil }
      try machine.charge(text.utf8.count)
      var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      if lines.last?.isEmpty == true { lines.removeLast() }
      return .list(try ScriptList(lines.map { .string(String($0)) }))
    }
    table["aten::join"] = { arguments, machine in
      guard arguments.count == 2, case .string(let separator) = arguments.positional[0], let items = arguments.positional[1].items else { return nil }
      let parts = try items.map { try $0.string("an element") }
      try machine.charge(parts.reduce(0) { $0 + $1.utf8.count + separator.utf8.count })
      return .string(parts.joined(separator: separator))
    }
    table["aten::ord"] = { arguments, _ in
      guard case .string(let text)? = arguments.positional.first, let scalar = text.unicodeScalars.first else { return nil }
      return .integer(Int(scalar.value))
    }
    table["aten::chr"] = { arguments, _ in
      guard case .integer(let number)? = arguments.positional.first, let value = UInt32(exactly: number), let scalar = Unicode.Scalar(value) else {
        return nil
      }
      return .string(String(Character(scalar)))
    }
    for (name, radix, prefix) in [("hex", 16, "0x"), ("oct", 8, "0o"), ("bin", 2, "0b")] {
      table["aten::\(name)"] = { arguments, _ in
        guard case .integer(let number)? = arguments.positional.first else { return nil }
        return .string((number < 0 ? "-" : "") + prefix + String(number.magnitude, radix: radix))
      }
    }
    func every(_ name: String, _ test: @escaping (Character) -> Bool) {
      table["aten::\(name)"] = { arguments, _ in
        guard case .string(let text)? = arguments.positional.first else { return nil }
        return .bool(!text.isEmpty && text.allSatisfy(test))
      }
    }
    every("isdigit") { $0.isASCII && $0.isNumber }
    every("isalpha") { $0.isASCII && $0.isLetter }
    every("isalnum") { $0.isASCII && ($0.isLetter || $0.isNumber) }
    every("isspace") { $0.isWhitespace }
    every("isupper") { $0.isUppercase || !$0.isLetter }
    every("islower") { $0.isLowercase || !$0.isLetter }
  }

  private static func firstRange(of part: String, in text: Substring) -> Range<String.Index>? {
    guard let first = part.utf8.first else { return text.startIndex..<text.startIndex }
    var rest = text.utf8
    while let start = rest.firstIndex(of: first) {
      if rest[start...].starts(with: part.utf8) { return start..<text.utf8.index(start, offsetBy: part.utf8.count) }
      rest = rest[text.utf8.index(after: start)...]
    }
    return nil
  }

  private static func divided(_ text: String, by separator: String, atMost times: Int) -> [Substring] {
    var parts: [Substring] = [], rest = Substring(text)
    while parts.count < times, let range = firstRange(of: separator, in: rest) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return parts + [rest]
  }

  /// `"%d of %s" % (…)`
  private static func percentFormat(_ arguments: Arguments, _ machine: Machine) throws -> ScriptValue? {
    guard case .string(let pattern)? = arguments.positional.first else { return nil }
    var values = arguments.positional.dropFirst()
    if values.count == 1, case .tuple(let tuple) = values.first! { values = tuple.items[...] }
    var result = "", rest = pattern.unicodeScalars[...]
    while let next = rest.popFirst() {
      guard next == "%" else {
        result.unicodeScalars.append(next)
        continue
      }
      var flags = ""
      while let flag = rest.first, "0123456789.+- #".unicodeScalars.contains(flag), flags.count < 8 {
        flags.unicodeScalars.append(flag)
        rest.removeFirst()
      }
      guard let kind = rest.popFirst() else { throw ScriptFailure("percentFormat: an incomplete format") }
      if kind == "%" {
        result += "%"
        continue
      }
      guard let value = values.popFirst() else { throw ScriptFailure("percentFormat: too few arguments for \(pattern.prefix(100))") }
      // Widths of more than three digits are no one's wish.
      guard !flags.split(whereSeparator: { !$0.isNumber }).contains(where: { $0.count > 3 }) else { throw ScriptFailure("percentFormat: too wide") }
      switch kind {
      case "d", "i": result += formatted(try value.integer("%d"), "%\(flags)ld")
      case "f", "F", "e", "E", "g", "G":
        guard let number = value.number else { throw ScriptFailure("percentFormat: %\(kind) of \(value.kind)") }
        result += formatted(number.0, "%\(flags)\(kind)")
      case "s", "r": result += try value.text(in: machine)
      case "c": result += try value.text(in: machine)
      default: throw ScriptFailure("percentFormat: the format %\(kind) is not understood")
      }
    }
    try machine.charge(result.utf8.count)
    return .string(result)
  }
}
