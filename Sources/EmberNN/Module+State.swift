import EmberRuntime
import EmberTensor

/// What `loadStateDict` found besides the names that fit.
public struct LoadReport: Sendable, Hashable {
  /// Names of the module that the state dict lacks; their values stay.
  public var missing: [String]
  /// Names of the state dict that the module lacks.
  public var unexpected: [String]

  public init(missing: [String], unexpected: [String]) {
    self.missing = missing
    self.unexpected = unexpected
  }
}

extension Module {
  /// Parameters and persistent buffers by name, in PyTorch's order, without history. Shared ones appear under each of their names.
  public final func stateDict() -> [(name: String, tensor: Tensor)] {
    stateCells().map { ($0.name, $0.cell.value.detach()) }
  }

  /// Takes over the values of a state dict, converted to each parameter's dtype and device.
  ///
  /// - Parameters:
  ///   - strict: missing and unexpected names are an error.
  ///   - assign: the values stay on their own devices, so that a module made on `.meta`, which costs no memory, becomes a real one. Those
  ///     of a mapped file stay in it.
  /// - Throws: an error that lists the names, shapes and dtypes that do not fit, up to twenty of a kind; then nothing was changed.
  @discardableResult
  public final func loadStateDict(
    _ state: [(name: String, tensor: Tensor)], strict: Bool = true, assign: Bool = false
  ) throws -> LoadReport {
    let state = withPresentNames(state)
    let values = Dictionary(state.map { ($0.name, $0.tensor) }, uniquingKeysWith: { _, last in last })
    let cells = stateCells()
    let known = Set(cells.map(\.name))
    let dispensable = dispensableNames()
    let report = LoadReport(
      missing: cells.map(\.name).filter { values[$0] == nil && !dispensable.contains($0) },
      unexpected: state.map(\.name).filter { !known.contains($0) })
    var problems: [String] = []
    if strict {
      if !report.missing.isEmpty { problems.append("missing: \(Self.listed(report.missing, ", "))") }
      if !report.unexpected.isEmpty { problems.append("unexpected: \(Self.listed(report.unexpected, ", "))") }
    }
    var misfits: [String] = []
    let open = Set(modules().flatMap(\.uninitializedCells).map(ObjectIdentifier.init))
    var planned: [(StateCell, Tensor)] = []
    for entry in cells {
      guard let value = values[entry.name] else { continue }
      let own = entry.cell.value
      if value.dtype.isComplex && !own.dtype.isComplex {
        misfits.append("\(entry.name): the state dict has \(value.summary), the module \(own.dtype)")
      } else if assign && value.device == .meta {
        misfits.append("\(entry.name): the state dict has \(value.summary) on meta, which holds no numbers")
      } else if value.shape == own.shape || open.contains(ObjectIdentifier(entry.cell)) {
        planned.append(
          (entry.cell, try catchingErrors { assign ? value.detach().to(own.dtype) : value.detach().to(own.dtype).to(own.device) }))
      } else {
        misfits.append("\(entry.name): the state dict has shape \(value.shape), the module \(own.shape)")
      }
    }
    if !misfits.isEmpty { problems.append(Self.listed(misfits, "; ")) }
    guard problems.isEmpty else {
      throw EmberError(
        .value, in: "loadStateDict", "\(Swift.type(of: self)): " + problems.joined(separator: "; ") + "; is it the state of another model?")
    }
    for (cell, value) in planned { cell.value = value }
    for module in modules() { module.didLoadState() }
    return report
  }

  /// Names that a state dict may lack: files from before they existed are whole without them.
  private final func dispensableNames() -> Set<String> {
    var names: Set<String> = []
    walk(onceEach: false) { prefix, module, _ in
      for name in module.dispensableState { names.insert(prefix.isEmpty ? name : "\(prefix).\(name)") }
    }
    return names
  }

  /// The first of some names; a file may hold very many.
  private static func listed(_ names: [String], _ separator: String) -> String {
    names.prefix(20).joined(separator: separator) + (names.count > 20 ? "\(separator)and \(names.count - 20) more" : "")
  }

  /// The same from an unordered dictionary.
  @discardableResult
  public final func loadStateDict(_ state: [String: Tensor], strict: Bool = true, assign: Bool = false) throws -> LoadReport {
    try loadStateDict(state.sorted { $0.key < $1.key }.map { (name: $0.key, tensor: $0.value) }, strict: strict, assign: assign)
  }

  /// Forgets the gradients of all parameters.
  public final func zeroGrad() {
    for cell in parameters() { cell.grad = nil }
  }

  /// Freezes the parameters (false) or lets them learn again.
  @discardableResult
  public final func requiresGrad(_ requires: Bool = true) -> Self {
    for cell in parameters() { cell.requiresGrad = requires }
    return self
  }

  /// Moves all parameters and buffers, and the gradients that there are, to a device.
  @discardableResult
  public final func to(_ device: Device) -> Self { convert { $0.to(device) } }

  /// Converts all floating-point parameters and buffers, and the gradients that there are.
  @discardableResult
  public final func to(_ dtype: DType) -> Self { convert { $0.dtype.isFloatingPoint ? $0.to(dtype) : $0 } }

  private final func convert(_ change: (Tensor) -> Tensor) -> Self {
    var seen: Set<ObjectIdentifier> = []
    walk(onceEach: true) { _, _, members in
      for entry in members.parameters + members.buffers where seen.insert(ObjectIdentifier(entry.cell)).inserted {
        let old = entry.cell.value, gradient = entry.cell.grad
        let new = noGrad { change(old.detach()) }
        if new.dtype == old.dtype && new.device == old.device { continue }
        entry.cell.value = new
        if let gradient { entry.cell.grad = noGrad { change(gradient.detach()) } }
      }
    }
    return self
  }

  /// Calls `body` for every module in this one, each after those that it holds, in the order of declaration, and at last for itself.
  @discardableResult
  public final func apply(_ body: (Module) -> Void) -> Self {
    var seen: Set<ObjectIdentifier> = []
    func visit(_ module: Module) {
      guard seen.insert(ObjectIdentifier(module)).inserted else { return }
      for child in module.namedChildren() { visit(child.module) }
      body(module)
    }
    visit(self)
    return self
  }
}
