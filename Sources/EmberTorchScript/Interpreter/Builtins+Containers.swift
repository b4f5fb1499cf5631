import EmberRuntime
import EmberTensor

extension Builtins {
  private static func list(_ arguments: Arguments) -> ScriptList? {
    if case .list(let list)? = arguments.positional.first { list } else { nil }
  }

  private static func dictionary(_ arguments: Arguments) -> ScriptDictionary? {
    if case .dictionary(let dictionary)? = arguments.positional.first { dictionary } else { nil }
  }

  /// The positions that a slice takes, as Python computes them.
  private static func positions(_ count: Int, _ start: ScriptValue?, _ end: ScriptValue?, _ step: ScriptValue?) throws -> StrideTo<Int> {
    let step = try step?.integer("step") ?? 1
    guard step != 0, step != .min else { throw ScriptFailure("ValueError: slice step cannot be zero") }
    func clamped(_ value: ScriptValue?, _ otherwise: Int) throws -> Int {
      guard let value else { return otherwise }
      var position = try value.integer("slice")
      if position < 0 { position = position < -count ? -1 : position + count }
      return step > 0 ? min(max(position, 0), count) : min(max(position, -1), count - 1)
    }
    let first = try clamped(start, step > 0 ? 0 : count - 1)
    return stride(from: first, to: try clamped(end, step > 0 ? count : -1), by: min(max(step, -count - 1), count + 1))
  }

  private static func gathered(_ items: [ScriptValue], _ arguments: Arguments, _ machine: Machine) throws -> [ScriptValue] {
    let taken = try positions(items.count, arguments.optional(1), arguments.optional(2), arguments.optional(3)).map { items[$0] }
    try machine.charge(taken.count)
    return taken
  }

  static func addLists(_ table: inout [String: Builtin]) {
    table["aten::len"] = { arguments, _ in
      switch arguments.positional.first {
      case .list(let list): return .integer(list.items.count)
      case .tuple(let tuple): return .integer(tuple.items.count)
      case .dictionary(let dictionary): return .integer(dictionary.count)
      case .string(let text): return .integer(text.unicodeScalars.count)
      case .tensor(let reference):
        let tensor = try reference.value
        guard tensor.rank > 0 else { throw ScriptFailure("TypeError: len() of a 0-d tensor") }
        return .integer(tensor.size(0))
      default: return nil
      }
    }
    table["aten::__getitem__"] = { arguments, machine in
      guard arguments.count == 2 else { return nil }
      let index = arguments.positional[1]
      switch arguments.positional[0] {
      case .list(let list): return list.items[try list.position(try index.integer("index"))]
      case .tuple(let tuple):
        let number = try index.integer("index"), position = number < 0 ? number + tuple.items.count : number
        guard tuple.items.indices.contains(position) else { throw ScriptFailure(.index, "tuple index \(number) is out of range") }
        return tuple.items[position]
      case .dictionary(let dictionary):
        guard let value = try dictionary[index] else { throw ScriptFailure(.index, "KeyError: \(try index.text(in: machine))") }
        return value
      case .string(let text):
        let number = try index.integer("index"), scalars = Array(text.unicodeScalars), position = number < 0 ? number + scalars.count : number
        guard scalars.indices.contains(position) else { throw ScriptFailure(.index, "string index \(number) is out of range") }
        return .string(String(scalars[position]))
      case .tensor(let reference):
        return .tensor(try reference.row(try index.integer("index")))
      case let other: throw ScriptFailure("\(other.kind) has no elements")
      }
    }
    table["aten::slice"] = { arguments, machine in
      switch arguments.positional.first {
      case .list(let list): return .list(try ScriptList(try gathered(list.items, arguments, machine)))
      case .tuple(let tuple): return .tuple(try ScriptTuple(try gathered(tuple.items, arguments, machine)))
      case .string(let text):
        let taken = try gathered(text.unicodeScalars.map { .string(String($0)) }, arguments, machine)
        return .string(taken.map { if case .string(let part) = $0 { part } else { "" } }.joined())
      default: return nil
      }
    }
    table["aten::_set_item"] = { arguments, machine in
      guard arguments.count == 3 else { return nil }
      switch arguments.positional[0] {
      case .list(let list):
        try list.set(try list.position(try arguments.positional[1].integer("index")), arguments.positional[2])
        return arguments.positional[0]
      case .dictionary(let dictionary):
        try machine.charge(1)
        try dictionary.set(arguments.positional[1], arguments.positional[2])
        return ScriptValue.none
      case let other: throw ScriptFailure("\(other.kind) has no elements to set")
      }
    }
    table["aten::Delete"] = { arguments, machine in
      guard arguments.count == 2 else { return nil }
      if let list = list(arguments) {
        let position = try list.position(try arguments.positional[1].integer("index"))
        list.rearrange { items in _ = items.remove(at: position) }
      } else if let dictionary = dictionary(arguments) {
        guard try dictionary.remove(arguments.positional[1]) != nil else {
          throw ScriptFailure(.index, "KeyError: \(try arguments.positional[1].text(in: machine))")
        }
      } else {
        return nil
      }
      return ScriptValue.none
    }
    table["aten::append"] = { arguments, machine in
      guard let list = list(arguments), arguments.count == 2 else { return nil }
      try machine.charge(1)
      try list.append(arguments.positional[1])
      return arguments.positional[0]
    }
    table["aten::extend"] = { arguments, machine in
      guard let list = list(arguments), arguments.count == 2, let more = arguments.positional[1].items else { return nil }
      try machine.charge(more.count)
      for item in more { try list.append(item) }
      return ScriptValue.none
    }
    table["aten::insert"] = { arguments, machine in
      guard let list = list(arguments), arguments.count == 3 else { return nil }
      try machine.charge(1 + list.items.count / 64)
      let index = try arguments.positional[1].integer("index"), count = list.items.count
      try list.insert(arguments.positional[2], at: min(max(index < 0 ? index + count : index, 0), count))
      return ScriptValue.none
    }
    table["aten::clear"] = { arguments, _ in
      if let list = list(arguments) {
        list.rearrange { $0.removeAll() }
      } else if let dictionary = dictionary(arguments) {
        dictionary.removeAll()
      } else {
        return nil
      }
      return ScriptValue.none
    }
    table["aten::remove"] = { arguments, _ in
      guard let list = list(arguments), arguments.count == 2 else { return nil }
      guard let position = try list.items.firstIndex(where: { try $0.equals(arguments.positional[1]) }) else {
        throw ScriptFailure("ValueError: list.remove(x): x not in list")
      }
      list.rearrange { items in _ = items.remove(at: position) }
      return ScriptValue.none
    }
    table["aten::index"] = { arguments, _ in
      guard let list = list(arguments), arguments.count == 2 else { return nil }
      guard let position = try list.items.firstIndex(where: { try $0.equals(arguments.positional[1]) }) else {
        throw ScriptFailure("ValueError: the value is not in list")
      }
      return .integer(position)
    }
    let count: Builtin = { arguments, _ in
      guard let list = list(arguments), arguments.count == 2 else { return nil }
      return .integer(try list.items.count { try $0.equals(arguments.positional[1]) })
    }
    table["aten::count"] = count
    table["aten::reverse"] = { arguments, _ in
      guard let list = list(arguments) else { return nil }
      list.rearrange { $0.reverse() }
      return ScriptValue.none
    }
    for name in ["aten::list", "aten::copy"] {
      table[name] = { arguments, machine in
        switch arguments.positional.first {
        case .list(let list):
          try machine.charge(list.items.count)
          return .list(try ScriptList(list.items))
        case .tuple(let tuple): return .list(try ScriptList(tuple.items))
        case .string(let text):
          try machine.charge(text.utf8.count)
          return .list(try ScriptList(text.unicodeScalars.map { .string(String($0)) }))
        case .dictionary(let dictionary):
          try machine.charge(dictionary.count)
          if name == "aten::list" { return .list(try ScriptList(dictionary.pairs.map(\.key))) }
          let copy = ScriptDictionary()
          for pair in dictionary.pairs { try copy.set(pair.key, pair.value) }
          return .dictionary(copy)
        default: return nil
        }
      }
    }
    func sorted(_ items: [ScriptValue], _ isDescending: Bool, _ machine: Machine) throws -> [ScriptValue] {
      try machine.charge(items.count)
      return try items.enumerated().sorted { a, b in
        let order = try precedes(a.element, b.element, machine)
        if order { return !isDescending }
        if try precedes(b.element, a.element, machine) { return isDescending }
        return a.offset < b.offset
      }.map(\.element)
    }
    table["aten::sort"] = { arguments, machine in
      guard let list = list(arguments) else { return nil }
      let ordered = try sorted(list.items, try arguments.optional(1)?.isTrue ?? false, machine)
      list.rearrange { $0 = ordered }
      return ScriptValue.none
    }
    table["aten::sorted"] = { arguments, machine in
      guard let list = list(arguments) else { return nil }
      return .list(try ScriptList(try sorted(list.items, false, machine)))
    }
    let add = table["aten::add"]
    table["aten::add"] = { arguments, machine in
      guard arguments.count == 2 else { return nil }
      switch (arguments.positional[0], arguments.positional[1]) {
      case (.list(let a), .list(let b)):
        try machine.charge(a.items.count + b.items.count)
        return .list(try ScriptList(a.items + b.items))
      case (.tuple(let a), .tuple(let b)): return .tuple(try ScriptTuple(a.items + b.items))
      case (.string(let a), .string(let b)):
        try machine.charge(a.utf8.count + b.utf8.count)
        return .string(a + b)
      default: return try add?(arguments, machine)
      }
    }
    let multiply = table["aten::mul"]
    table["aten::mul"] = { arguments, machine in
      guard arguments.count == 2 else { return nil }
      switch (arguments.positional[0], arguments.positional[1]) {
      case (.list(let list), .integer(let times)), (.integer(let times), .list(let list)):
        let (total, overflows) = list.items.count.multipliedReportingOverflow(by: max(times, 0))
        try machine.charge(overflows ? .max : total)
        var items: [ScriptValue] = []
        items.reserveCapacity(total)
        for _ in 0..<max(times, 0) { items += list.items }
        return .list(try ScriptList(items))
      default: return try multiply?(arguments, machine)
      }
    }
    for (name, isLess) in [("min", true), ("max", false)] {
      let choose: Builtin = { arguments, machine in
        guard arguments.count == 1, let list = list(arguments) else { return nil }
        guard var best = list.items.first else { throw ScriptFailure("ValueError: \(name)() arg is an empty sequence") }
        for item in list.items.dropFirst() {
          if try isLess ? precedes(item, best, machine) : precedes(best, item, machine) { best = item }
        }
        return best
      }
      table["prim::\(name)"] = choose
      table["aten::\(name)"] = choose
    }
    table["aten::sum"] = { arguments, _ in
      guard arguments.count == 1, let list = list(arguments) else { return nil }
      var total = ScriptValue.integer(0)
      for item in list.items {
        guard let next = try ScalarArithmetic.functions["aten::add"]!(total, { if case .bool(let flag) = item { .integer(flag ? 1 : 0) } else { item } }())
        else { return nil }
        total = next
      }
      return total
    }
    for (name, wanted) in [("any", true), ("all", false)] {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count == 1, let list = list(arguments) else { return nil }
        return .bool(try list.items.contains { try $0.isTrue == wanted } == wanted)
      }
    }
    for name in ["eq", "ne"] {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count == 2 else { return nil }
        if case .tensor = arguments.positional[0] { return nil }
        if case .tensor = arguments.positional[1] { return nil }
        return .bool(try arguments.positional[0].equals(arguments.positional[1]) == (name == "eq"))
      }
    }
    table["aten::__contains__"] = { arguments, _ in
      guard arguments.count == 2 else { return nil }
      switch arguments.positional[0] {
      case .list, .tuple: return .bool(try arguments.positional[0].items!.contains { try $0.equals(arguments.positional[1]) })
      case .dictionary(let dictionary): return .bool(try dictionary[arguments.positional[1]] != nil)
      case .string(let text): return .bool(text.contains(try arguments.positional[1].string("an element")))
      default: return nil
      }
    }
    table["aten::range"] = { arguments, machine in
      let numbers = try arguments.positional.map { try $0.integer("range") }
      let start = numbers.count > 1 ? numbers[0] : 0, end = numbers.count > 1 ? numbers[1] : numbers.first ?? 0, step = numbers.count > 2 ? numbers[2] : 1
      guard step != 0 else { throw ScriptFailure("range has the step 0") }
      let distance = (Double(end) - Double(start)) / Double(step)
      try machine.charge(distance <= 0 ? 0 : distance > 1e9 ? .max : Int(distance))
      return .list(ScriptList(integers: Array(stride(from: start, to: end, by: step))))
    }
  }

  /// Python's `<` between numbers, strings, lists, tuples and objects that have `__lt__`.
  private static func precedes(_ a: ScriptValue, _ b: ScriptValue, _ machine: Machine, depth: Int = 0) throws -> Bool {
    guard depth < recursionLimit else { throw ScriptFailure("values nested more than \(recursionLimit) deep are compared") }
    if let left = a.items, let right = b.items {
      for (x, y) in zip(left, right) {
        if try precedes(x, y, machine, depth: depth + 1) { return true }
        if try precedes(y, x, machine, depth: depth + 1) { return false }
      }
      return left.count < right.count
    }
    if case .object(let object) = a, let method = object.type.methods["__lt__"] { return try machine.call(method, [a, b]).isTrue }
    if case .tensor(let left) = a, case .tensor(let right) = b {
      let (x, y) = (try left.value, try right.value)
      return try catchingErrors { (x .< y).item(as: Bool.self) }
    }
    guard case .bool(let result)? = try ScalarArithmetic.functions["aten::lt"]!(a, b) else {
      throw ScriptFailure("\(a.kind) and \(b.kind) have no order")
    }
    return result
  }

  static func addDictionaries(_ table: inout [String: Builtin]) {
    table["aten::dict"] = { arguments, machine in
      let made = ScriptDictionary()
      if let other = dictionary(arguments) {
        for pair in other.pairs { try made.set(pair.key, pair.value) }
      } else if let items = arguments.positional.first?.items {
        for item in items {
          guard let pair = item.items, pair.count == 2 else { throw ScriptFailure("dict takes pairs") }
          try made.set(pair[0], pair[1])
        }
      }
      try machine.charge(made.count)
      return .dictionary(made)
    }
    func view(_ name: String, _ part: @escaping ((key: ScriptValue, value: ScriptValue)) throws -> ScriptValue) {
      table["aten::\(name)"] = { arguments, machine in
        guard let dictionary = dictionary(arguments) else { return nil }
        try machine.charge(dictionary.count)
        return .list(try ScriptList(try dictionary.pairs.map(part)))
      }
    }
    view("keys") { $0.key }
    view("values") { $0.value }
    view("items") { .tuple(try ScriptTuple([$0.key, $0.value])) }
    table["aten::get"] = { arguments, _ in
      guard let dictionary = dictionary(arguments), arguments.count >= 2 else { return nil }
      return try dictionary[arguments.positional[1]] ?? arguments.optional(2) ?? ScriptValue.none
    }
    table["aten::setdefault"] = { arguments, machine in
      guard let dictionary = dictionary(arguments), arguments.count == 3 else { return nil }
      if let known = try dictionary[arguments.positional[1]] { return known }
      try machine.charge(1)
      try dictionary.set(arguments.positional[1], arguments.positional[2])
      return arguments.positional[2]
    }
    table["aten::update"] = { arguments, machine in
      guard let dictionary = dictionary(arguments), arguments.count == 2, case .dictionary(let other) = arguments.positional[1] else { return nil }
      try machine.charge(other.count)
      for pair in other.pairs { try dictionary.set(pair.key, pair.value) }
      return ScriptValue.none
    }
    table["aten::popitem"] = { arguments, _ in
      guard let dictionary = dictionary(arguments), let last = dictionary.pairs.last else { return nil }
      try dictionary.remove(last.key)
      return .tuple(try ScriptTuple([last.key, last.value]))
    }
    table["aten::pop"] = { arguments, machine in
      if let dictionary = dictionary(arguments), arguments.count >= 2 {
        if let value = try dictionary.remove(arguments.positional[1]) { return value }
        guard arguments.count > 2 else { throw ScriptFailure(.index, "KeyError: \(try arguments.positional[1].text(in: machine))") }
        return arguments.positional[2]
      }
      guard let list = list(arguments) else { return nil }
      guard !list.items.isEmpty else { throw ScriptFailure(.index, "IndexError: pop from empty list") }
      let position = try list.position(try arguments.optional(1)?.integer("index") ?? -1)
      let value = list.items[position]
      list.rearrange { items in _ = items.remove(at: position) }
      return value
    }
  }
}
