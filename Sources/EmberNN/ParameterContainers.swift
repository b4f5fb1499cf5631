import EmberRuntime
import EmberTensor

/// Parameters in a row, named by their numbers.
open class ParameterList: Module, RandomAccessCollection {
  public private(set) final var cells: [StateCell] = []

  public init(_ tensors: [Tensor] = []) {
    super.init()
    for tensor in tensors { append(tensor) }
  }

  public final func append(_ tensor: Tensor) { cells.append(StateCell(tensor, isParameter: true)) }
  public final var startIndex: Int { 0 }
  public final var endIndex: Int { cells.count }
  public final subscript(i: Int) -> Tensor {
    get { cells[i].value }
    set { cells[i].value = newValue }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    cells.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) } + super.reflectedMembers().filter { $0.name != "cells" }
  }
}

/// Parameters by name, in the order in which they were added.
open class ParameterDict: Module {
  public private(set) final var keys: [String] = []
  private final var table: [String: StateCell] = [:]

  public init(_ entries: KeyValuePairs<String, Tensor> = [:]) {
    super.init()
    for (key, value) in entries { self[key] = value }
  }

  public final var count: Int { keys.count }
  /// The cell of a parameter, with its gradient.
  public final func cell(_ key: String) -> StateCell? { table[key] }

  /// Setting a key that is there changes the parameter's value; nil removes it.
  public final subscript(key: String) -> Tensor? {
    get { table[key]?.value }
    set {
      guard let newValue else {
        table[key] = nil
        keys.removeAll { $0 == key }
        return
      }
      if let cell = table[key] {
        cell.value = newValue
      } else {
        keys.append(key)
        table[key] = StateCell(newValue, isParameter: true)
      }
    }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    keys.map { (name: $0, value: table[$0]! as Any) } + super.reflectedMembers().filter { $0.name != "keys" && $0.name != "table" }
  }
}
