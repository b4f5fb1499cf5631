import EmberRuntime

/// The stack machine that pickles are programs of (protocols 0 to 5; Python's pickletools describes them), which can build values and
/// nothing else: names are looked up in the list of `PickleFunction`, and classes that the caller allows become inert objects.
///
/// Objects live in one array and refer to each other by position, so that neither cycles nor deep nesting can hurt; `PickleTree` makes
/// the tree of them. Memory stays proportional to the program: what a step copies is counted against an allowance.
struct PickleMachine {
  /// What lies on the stack: something small and immutable, or the position of an object.
  enum Item {
    case none
    case bool(Bool)
    case int(Int)
    case wideInt([UInt8])
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case function(PickleFunction)
    case storage(PickledStorage)
    case object(Int)
  }

  enum Object {
    case list([Item])
    case tuple([Item])
    case set([Item])
    case dictionary(Entries)
    case tensor(PickledTensor)
    case device(String)
    case complex(Double, Double)
    /// `numpy.dtype`: an element's kind and size, `f4`, and its byte order.
    case elementType(code: String, order: String)
    /// A NumPy array, which is made first and filled by a later step.
    case array(PickledArray?)
    /// A NumPy number.
    case arrayScalar(PickledArray)
    case instance(className: String, arguments: [Item], state: Item)
  }

  /// A dictionary that is being filled.
  struct Entries {
    var entries: [(key: Item, value: Item)] = []
    var isOrderedDict = false
    private var positions: [Key: Int] = [:]

    init(isOrderedDict: Bool = false) { self.isOrderedDict = isOrderedDict }

    private enum Key: Hashable {
      case int(Int)
      case string(String)
      case bytes([UInt8])
    }

    /// Later values replace earlier ones, as in Python, for the keys that occur in practice.
    mutating func set(_ key: Item, _ value: Item) {
      let hashed: Key? =
        switch key {
        case .int(let number): .int(number)
        case .bool(let flag): .int(flag ? 1 : 0)
        case .string(let text): .string(text)
        case .bytes(let bytes): .bytes(bytes)
        default: nil
        }
      if let hashed {
        if let position = positions[hashed] {
          entries[position].value = value
          return
        }
        positions[hashed] = entries.count
      }
      entries.append((key, value))
    }
  }

  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  let source: String
  let operation: String
  /// Whether objects of a class may be made, as values without behaviour.
  let allowsClass: (String) -> Bool

  private(set) var objects: [Object] = []
  /// All storages that the program refers to.
  private(set) var storages: [PickledStorage] = []
  private var stack: [Item] = []
  private var marks: [Int] = []
  private var memo: [Int: Item] = [:]
  private var allowance: Int

  init(
    _ bytes: UnsafeRawBufferPointer, from start: Int = 0, source: String, in operation: String,
    allowsClass: @escaping (String) -> Bool = { _ in false }
  ) {
    self.bytes = bytes
    position = start
    self.source = source
    self.operation = operation
    self.allowsClass = allowsClass
    allowance = 1 << 24 + Swift.min(bytes.count - start, 1 << 40) * 16
  }

  func error(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source): \(message) (byte \(position) of the pickle)") }

  /// Counts bytes that are copied, so that a short program cannot copy a long value over and over.
  mutating func charge(_ count: Int) throws {
    allowance -= count
    if allowance < 0 { throw error("the pickle copies its values too often") }
  }

  // MARK: Objects

  mutating func make(_ object: Object) -> Item {
    objects.append(object)
    return .object(objects.count - 1)
  }

  func object(_ item: Item) -> Object? { if case .object(let index) = item { objects[index] } else { nil } }

  /// The members of a tuple or list.
  func members(_ item: Item) -> [Item]? {
    switch object(item) {
    case .tuple(let items), .list(let items): items
    default: nil
    }
  }

  mutating func replace(_ item: Item, by object: Object) { if case .object(let index) = item { objects[index] = object } }

  // MARK: Running

  /// Runs one program up to its STOP and returns the value on top. `position` is behind it then.
  mutating func run() throws -> Item {
    stack.removeAll()
    marks.removeAll()
    memo.removeAll()
    while true {
      guard position < bytes.count else { throw error("truncated: the pickle has no end") }
      let code = bytes[position]
      position += 1
      if code == UInt8(ascii: ".") { return try pop() }
      try step(code)
    }
  }

  private mutating func pop() throws -> Item {
    guard stack.count > (marks.last ?? 0), let item = stack.popLast() else { throw error("the pickle's stack is empty") }
    return item
  }

  private mutating func popToMark() throws -> [Item] {
    guard let mark = marks.popLast() else { throw error("the pickle's mark is missing") }
    let items = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return items
  }

  private func top() throws -> Item {
    guard stack.count > (marks.last ?? 0), let item = stack.last else { throw error("the pickle's stack is empty") }
    return item
  }

  private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - position else { throw error("truncated: \(count) bytes expected") }
    defer { position += count }
    return bytes.slice(position, count)
  }

  private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Int {
    let field = try take(MemoryLayout<Number>.size)
    guard let value = Int(exactly: field.little(0, as: type)) else { throw error("a length that no file has") }
    return value
  }

  private mutating func lineBytes() throws -> UnsafeRawBufferPointer {
    guard let end = bytes[position...].firstIndex(of: 0x0A) else { throw error("truncated: a line has no end") }
    defer { position = end + 1 }
    return bytes.slice(position, end - position)
  }

  private mutating func line() throws -> String { try text(try lineBytes()) }

  private func text(_ field: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: field, as: UTF8.self) else { throw error("a string is not UTF-8") }
    return text
  }

  /// A string of Python 2, which did not tell text from bytes.
  private func oldString(_ field: UnsafeRawBufferPointer) -> Item {
    String(validating: field, as: UTF8.self).map { .string($0) } ?? .bytes(Array(field))
  }

  private mutating func step(_ code: UInt8) throws {
    switch Unicode.Scalar(code) {
    // Numbers and constants.
    case "N": stack.append(.none)
    case "\u{88}": stack.append(.bool(true))
    case "\u{89}": stack.append(.bool(false))
    case "J": stack.append(.int(try number(Int32.self)))
    case "K": stack.append(.int(try number(UInt8.self)))
    case "M": stack.append(.int(try number(UInt16.self)))
    case "\u{8A}": stack.append(integer(try take(try number(UInt8.self))))
    case "\u{8B}": stack.append(integer(try take(try number(Int32.self))))
    case "G": stack.append(.double(Double(bitPattern: try take(8).big(0, as: UInt64.self))))
    case "I":
      let digits = try line()
      guard let value = Int(digits) else { throw error("the integer \(JSON.quoted(String(digits.prefix(40))))") }
      stack.append(digits == "00" ? .bool(false) : digits == "01" ? .bool(true) : .int(value))
    case "L":
      var digits = try line()
      if digits.hasSuffix("L") { digits.removeLast() }
      guard let value = Int(digits).map({ .int($0) }) ?? PickleMachine.wideInteger(digits) else {
        throw error("the integer \(JSON.quoted(String(digits.prefix(40))))")
      }
      stack.append(value)
    case "F":
      let digits = try line()
      guard let value = Double(digits) else { throw error("the number \(JSON.quoted(String(digits.prefix(40))))") }
      stack.append(.double(value))
    // Strings.
    case "X": stack.append(.string(try text(try take(try number(UInt32.self)))))
    case "\u{8C}": stack.append(.string(try text(try take(try number(UInt8.self)))))
    case "\u{8D}": stack.append(.string(try text(try take(try number(UInt64.self)))))
    case "V":
      // Characters below 256 are written as they are, others by their number.
      let field = try lineBytes()
      guard let text = PickleMachine.unescaped(PickleMachine.latin1(field), unicodeOnly: true) else { throw error("a bad escape") }
      stack.append(.string(text))
    case "U": stack.append(oldString(try take(try number(UInt8.self))))
    case "T": stack.append(oldString(try take(try number(Int32.self))))
    case "S":
      let quoted = try line()
      guard quoted.count >= 2, let quote = quoted.first, quote == "'" || quote == "\"", quoted.last == quote,
        let text = PickleMachine.unescaped(String(quoted.dropFirst().dropLast()), unicodeOnly: false)
      else { throw error("a string without quotes") }
      stack.append(.string(text))
    case "B": stack.append(.bytes(Array(try take(try number(UInt32.self)))))
    case "C": stack.append(.bytes(Array(try take(try number(UInt8.self)))))
    case "\u{8E}", "\u{96}": stack.append(.bytes(Array(try take(try number(UInt64.self)))))
    // Containers.
    case "(": marks.append(stack.count)
    case ")": stack.append(make(.tuple([])))
    case "]": stack.append(make(.list([])))
    case "}": stack.append(make(.dictionary(Entries())))
    case "\u{8F}": stack.append(make(.set([])))
    case "t":
      let items = try popToMark()
      stack.append(make(.tuple(items)))
    case "l":
      let items = try popToMark()
      stack.append(make(.list(items)))
    case "\u{91}":
      let items = try popToMark()
      stack.append(make(.set(items)))
    case "d":
      let dictionary = make(.dictionary(Entries()))
      let items = try popToMark()
      try insert(items, into: dictionary)
      stack.append(dictionary)
    case "\u{85}", "\u{86}", "\u{87}":
      var items: [Item] = []
      for _ in 0...(code - 0x85) { items.append(try pop()) }
      stack.append(make(.tuple(items.reversed())))
    case "a":
      let item = try pop()
      try append([item], to: try top())
    case "e":
      let items = try popToMark()
      try append(items, to: try top())
    case "\u{90}":
      let items = try popToMark()
      try append(items, to: try top(), toSet: true)
    case "s":
      let value = try pop()
      let key = try pop()
      try insert([key, value], into: try top())
    case "u":
      let items = try popToMark()
      try insert(items, into: try top())
    // The stack and the memo.
    case "0":
      if stack.count == marks.last { marks.removeLast() } else { _ = try pop() }
    case "1": _ = try popToMark()
    case "2": stack.append(try top())
    case "p": memo[try memoIndex()] = try top()
    case "q": memo[try number(UInt8.self)] = try top()
    case "r": memo[try number(UInt32.self)] = try top()
    case "\u{94}": memo[memo.count] = try top()
    case "g": stack.append(try recall(try memoIndex()))
    case "h": stack.append(try recall(try number(UInt8.self)))
    case "j": stack.append(try recall(try number(UInt32.self)))
    // Names, calls, objects.
    case "c":
      let module = try line()
      let name = try line()
      stack.append(.function(try function(module, name)))
    case "\u{93}":
      guard case .string(let name) = try pop(), case .string(let module) = try pop() else { throw error("a global without a name") }
      stack.append(.function(try function(module, name)))
    case "R", "\u{81}":
      let arguments = try pop()
      let called = try pop()
      stack.append(try call(called, arguments))
    case "\u{92}":
      let named = try pop()
      let arguments = try pop()
      let called = try pop()
      guard case .dictionary(let dictionary) = object(named), dictionary.entries.isEmpty else {
        throw error("an object is made with named arguments, which are not supported")
      }
      stack.append(try call(called, arguments))
    case "i":
      let module = try line()
      let name = try line()
      let arguments = make(.tuple(try popToMark()))
      stack.append(try call(.function(try function(module, name)), arguments))
    case "o":
      let items = try popToMark()
      guard let called = items.first else { throw error("an object without a class") }
      stack.append(try call(called, make(.tuple(Array(items.dropFirst())))))
    case "b":
      let state = try pop()
      try setState(of: try top(), state)
    case "Q":
      let reference = try storage(try pop())
      storages.append(reference)
      stack.append(.storage(reference))
    case "P": throw error("a storage named by a line of text, as no version of PyTorch writes it")
    // Framing.
    case "\u{80}":
      let version = try number(UInt8.self)
      guard version <= 5 else { throw error("pickle protocol \(version) is unknown; 0 to 5 are read") }
    case "\u{95}":
      let count = try number(UInt64.self)
      guard count <= bytes.count - position else { throw error("truncated: a frame of \(count) bytes") }
    case "\u{82}", "\u{83}", "\u{84}": throw error("the pickle uses the extension registry, which exists only in the program that wrote it")
    case "\u{97}", "\u{98}": throw error("the pickle keeps buffers outside of itself")
    default: throw error("the opcode \(code) is unknown: not a pickle, or damaged")
    }
  }

  private func integer(_ field: UnsafeRawBufferPointer) -> Item {
    guard let last = field.last else { return .int(0) }
    guard field.count <= 8 else { return .wideInt(Array(field)) }
    var value: UInt64 = last >= 0x80 ? .max : 0
    for byte in field.reversed() { value = value << 8 | UInt64(byte) }
    return .int(Int(Int64(bitPattern: value)))
  }

  /// Decimal digits as two's complement bytes; of as many digits as Python itself converts.
  private static func wideInteger(_ digits: String) -> Item? {
    let isNegative = digits.hasPrefix("-")
    let figures = isNegative ? digits.dropFirst() : Substring(digits)
    guard !figures.isEmpty, figures.utf8.count <= 4300, figures.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    var bytes: [UInt8] = [0]
    for figure in figures.utf8 {
      var carry = Int(figure) - 0x30
      for i in bytes.indices {
        carry += Int(bytes[i]) * 10
        bytes[i] = UInt8(carry & 255)
        carry >>= 8
      }
      if carry > 0 { bytes.append(UInt8(carry)) }
    }
    // Room for the sign.
    bytes.append(0)
    if isNegative {
      var carry = 1
      for i in bytes.indices {
        carry += Int(~bytes[i])
        bytes[i] = UInt8(carry & 255)
        carry >>= 8
      }
    }
    while bytes.count > 1, let last = bytes.last, last == (isNegative ? 255 : 0), (bytes[bytes.count - 2] >= 128) == isNegative {
      bytes.removeLast()
    }
    return .wideInt(bytes)
  }

  private mutating func memoIndex() throws -> Int {
    guard let index = Int(try line()), index >= 0 else { throw error("a memo's number is none") }
    return index
  }

  private func recall(_ index: Int) throws -> Item {
    guard let item = memo[index] else { throw error("memo \(index) was never set") }
    return item
  }

  private mutating func append(_ items: [Item], to target: Item, toSet: Bool = false) throws {
    guard case .object(let index) = target else { throw error("only lists can be appended to") }
    switch objects[index] {
    case .list(var list) where !toSet:
      // Emptied meanwhile, so that appending copies nothing.
      objects[index] = .tuple([])
      list.append(contentsOf: items)
      objects[index] = .list(list)
    case .set(var set) where toSet:
      objects[index] = .tuple([])
      set.append(contentsOf: items)
      objects[index] = .set(set)
    default: throw error("only lists can be appended to, and sets added to")
    }
  }

  mutating func insert(_ items: [Item], into target: Item) throws {
    guard items.count % 2 == 0, case .object(let index) = target, case .dictionary(var dictionary) = objects[index] else {
      throw error("keys and values need a dictionary")
    }
    objects[index] = .tuple([])
    for i in stride(from: 0, to: items.count, by: 2) { dictionary.set(items[i], items[i + 1]) }
    objects[index] = .dictionary(dictionary)
  }

  /// Python's escapes of text: of `repr` in protocol 0, or only `\u` and `\U` of raw-unicode-escape.
  private static func unescaped(_ text: String, unicodeOnly: Bool) -> String? {
    guard text.contains("\\") else { return text }
    var result = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      guard character == "\\", let kind = rest.first else {
        result.append(character)
        continue
      }
      let digits: Int? =
        switch kind {
        case "u": 4
        case "U": 8
        case "x" where !unicodeOnly: 2
        default: nil
        }
      if let digits {
        rest.removeFirst()
        guard rest.count >= digits, let code = UInt32(rest.prefix(digits), radix: 16), let scalar = Unicode.Scalar(code) else { return nil }
        rest.removeFirst(digits)
        result.unicodeScalars.append(scalar)
      } else if unicodeOnly {
        result.append("\\")
      } else {
        rest.removeFirst()
        switch kind {
        case "n": result.append("\n")
        case "r": result.append("\r")
        case "t": result.append("\t")
        case "\\", "'", "\"": result.append(kind)
        default: return nil
        }
      }
    }
    return result
  }
}
