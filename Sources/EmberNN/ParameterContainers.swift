import EmberRuntime
import EmberTensor

/// Parameters in a row, named by their numbers.
open class ParameterList: Module, RandomAccessCollection {
  public final var cells: [StateCell] {
    noteModeAndStructure()
    return contents.cells
  }
  private final var contents = Contents() { didSet { structureVersion += 1 } }

  private struct Contents { var cells: [StateCell] = [] }

  public init(_ tensors: [Tensor] = []) {
    super.init()
    for tensor in tensors { append(tensor) }
  }

  public final func append(_ tensor: Tensor) { contents.cells.append(StateCell(tensor, isParameter: true)) }
  public final var startIndex: Int { 0 }
  public final var endIndex: Int { cells.count }
  public final subscript(i: Int) -> Tensor {
    get { cells[i].value }
    set { cells[i].value = newValue }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    contents.cells.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) }
      + super.reflectedMembers().filter { !($0.value is Contents) }
  }
}

/// Parameters by name, in the order in which they were added.
open class ParameterDict: Module {
  public final var keys: [String] {
    noteModeAndStructure()
    return contents.keys
  }
  private final var contents = KeyedMembers<StateCell>() { didSet { structureVersion += 1 } }

  public init(_ entries: KeyValuePairs<String, Tensor> = [:]) {
    super.init()
    for (key, value) in entries { self[key] = value }
  }

  public final var count: Int { keys.count }
  /// The cell of a parameter, with its gradient.
  public final func cell(_ key: String) -> StateCell? {
    noteModeAndStructure()
    return contents[key]
  }

  /// Setting a key that is there changes the parameter's value; nil removes it.
  public final subscript(key: String) -> Tensor? {
    get { cell(key)?.value }
    set {
      if let newValue, let cell = contents[key] {
        cell.value = newValue
      } else {
        contents[key] = newValue.map { StateCell($0, isParameter: true) }
      }
    }
  }

  open override func reflectedMembers() -> [(name: String, value: Any)] {
    contents.reflected + super.reflectedMembers().filter { !($0.value is KeyedMembers<StateCell>) }
  }
}
