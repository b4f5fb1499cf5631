import Synchronization

/// A pointwise function, defined once by a scalar expression.
///
/// ```swift
/// static let silu = Pointwise("silu") { x in x * sigmoid(x) }
/// ```
/// From that expression come the kernel on every device, the derivative (one fused kernel for all inputs), and
/// derivatives of derivatives. The derivative can be given explicitly where a convention asks for it.
public final class Pointwise: Sendable {
  /// Which dtype the function computes in.
  public enum Promotion: Sendable {
    /// The operands' common type.
    case common
    /// The same, with integers and bool converted to the default floating type: `exp`, true division.
    case floatingPoint
    /// The same as `common`; only integers and bool are accepted: `bitwiseAnd`.
    case integral
  }

  /// How an input takes part in promotion.
  public enum Role: Sendable {
    case value
    /// A condition: read as a truth value, takes no part in promotion.
    case condition
  }

  public let name: String
  public let roles: [Role]
  public let parameterCount: Int
  public let promotion: Promotion
  let nodes: [ExpressionGraph.Node]
  let roots: [Int]
  private let explicitDerivative:
    (@Sendable (_ inputs: [Expression], _ parameters: [Expression], _ output: Expression, _ upstream: Expression) -> [Expression?])?
  private let cache = ProgramCache()
  private let singleResults = Mutex<[Int: Pointwise]>([:])
  private let gradientCache = Mutex<[UInt8: PointwiseGradient]>([:])
  /// The gradients for the first masks, read without the lock. What they point to is kept alive by `gradientCache`.
  private let commonGradients = InlineArray<8, Atomic<UInt>> { _ in Atomic(0) }

  public var arity: Int { roles.count }
  /// Number of results; gradient functions have one per input.
  public var resultCount: Int { roots.count }
  /// No input is a condition: operands of one dtype decide the program, whatever their dimensions.
  public let isUniform: Bool

  /// The function that computes result `i` alone.
  public func result(_ i: Int) -> Pointwise {
    singleResults.withLock { made in
      if let known = made[i] { return known }
      let function = Pointwise(
        name: name, roles: roles, parameterCount: parameterCount, promotion: promotion, nodes: nodes, roots: [roots[i]])
      made[i] = function
      return function
    }
  }

  init(name: String, roles: [Role], parameterCount: Int, promotion: Promotion, nodes: [ExpressionGraph.Node], roots: [Int]) {
    self.name = name
    self.roles = roles
    self.parameterCount = parameterCount
    self.promotion = promotion
    self.nodes = nodes
    self.roots = roots
    explicitDerivative = nil
    isUniform = !roles.contains(.condition)
  }

  /// A function of any number of inputs and of parameters given as numbers at each call.
  ///
  /// - Parameters:
  ///   - derivative: the gradients of the inputs from inputs, parameters, output and upstream gradient, where the
  ///     derived ones would not follow the convention wanted. Nil entries: no gradient.
  public init(
    _ name: String, roles: [Role], parameters: Int = 0, promotion: Promotion = .common,
    derivative: (
      @Sendable (_ inputs: [Expression], _ parameters: [Expression], _ output: Expression, _ upstream: Expression) -> [Expression?]
    )? = nil,
    _ body: (_ inputs: [Expression], _ parameters: [Expression]) -> Expression
  ) {
    precondition(
      roles.count <= 8 && parameters <= ScalarParameters.capacity, "\(name): at most 8 inputs and \(ScalarParameters.capacity) parameters")
    let graph = ExpressionGraph()
    let inputs = roles.indices.map { graph.expression(.input($0)) }
    let numbers = (0..<parameters).map { graph.expression(.parameter($0)) }
    let result = body(inputs, numbers)
    roots = [result.node(in: graph)]
    nodes = graph.nodes
    self.name = name
    self.roles = roles
    parameterCount = parameters
    self.promotion = promotion
    explicitDerivative = derivative
    isUniform = !roles.contains(.condition)
  }

  /// A function of several results, computed in one pass: what `PointwiseUpdate` writes over its inputs. It has no derivative, and may
  /// have more parameters than a plain call takes.
  public init(
    _ name: String, inputs: Int, parameters: Int, results: (_ inputs: [Expression], _ parameters: [Expression]) -> [Expression]
  ) {
    precondition(inputs <= 8, "\(name): at most 8 inputs")
    let graph = ExpressionGraph()
    let values = (0..<inputs).map { graph.expression(.input($0)) }
    let numbers = (0..<parameters).map { graph.expression(.parameter($0)) }
    roots = results(values, numbers).map { $0.node(in: graph) }
    nodes = graph.nodes
    self.name = name
    roles = Array(repeating: .value, count: inputs)
    parameterCount = parameters
    promotion = .common
    explicitDerivative = nil
    isUniform = true
  }

  /// A function of one input.
  public convenience init(_ name: String, promotion: Promotion = .common, _ body: (Expression) -> Expression) {
    self.init(name, roles: [.value], promotion: promotion) { x, _ in body(x[0]) }
  }

  /// A function of two inputs.
  public convenience init(_ name: String, promotion: Promotion = .common, _ body: (Expression, Expression) -> Expression) {
    self.init(name, roles: [.value, .value], promotion: promotion) { x, _ in body(x[0], x[1]) }
  }

  // MARK: Programs

  /// The dtype the function computes in, from what `PromotionAccumulator` made of operands and parameters.
  public func computeDType(common: DType, defaultFloat: DType = .float32) throws(EmberError) -> DType {
    switch promotion {
    case .common: return common
    case .floatingPoint: return common.category < .floatingPoint ? defaultFloat : common
    case .integral:
      if common.category > .integer {
        throw EmberError(.dtype, in: name, "works on integers and bool, not on \(common)")
      }
      return common
    }
  }

  /// The program for inputs of the given dtypes computing in `common`. Cached; the fast path takes no lock.
  @inlinable public func program(_ inputDTypes: InputDTypes, common: DType) throws(EmberError) -> PointwiseProgram {
    let key = inputDTypes.packed &<< 5 | UInt64(common.rawValue)
    if let known = cached(key) { return known }
    return try compile(key, common: common)
  }

  @usableFromInline func cached(_ key: UInt64) -> PointwiseProgram? { cache.find(key) }

  @usableFromInline func compile(_ key: UInt64, common: DType) throws(EmberError) -> PointwiseProgram {
    let computeType = ComputeType(common)
    let dtypes = (0..<arity).map { DType(rawValue: UInt8(truncatingIfNeeded: key >> (5 + 5 * UInt64($0)) & 31))! }
    var inputs: [PointwiseProgram.Input] = zip(dtypes, roles).map { dtype, role in
      // A value of another type than the common one is converted as it is read.
      .init(dtype: dtype, type: role == .condition ? .bool : ComputeType.meetForLoad(dtype, computeType))
    }
    for _ in 0..<parameterCount { inputs.append(.init(dtype: computeType.dtype, type: computeType)) }
    var compiler = ProgramCompiler(nodes: nodes, computeType: computeType, inputTypes: inputs.map(\.type), parameterBase: arity)
    var outputs: [PointwiseProgram.Output] = []
    for root in roots {
      let type = compiler.infer(root) ?? computeType
      let slot = compiler.emit(root, as: type)
      // 16-bit tensors compute in float32 and are stored as what they are.
      let dtype: DType
      if type == computeType {
        dtype = common.isStorageOnly ? computeType.dtype : common
      } else if type == computeType.realPart {
        dtype = common.realType
      } else {
        dtype = common == .float16 && type == .complex64 ? .complex32 : type.dtype
      }
      outputs.append(.init(dtype: dtype, type: type, slot: slot))
    }
    let program = compiler.finish(name: name, key: key, inputs: inputs, outputs: outputs)
    for step in program.steps where !step.opcode.isDefined(for: step.type) {
      throw EmberError(.dtype, in: name, "is not defined for \(common)")
    }
    return cache.insert(program)
  }

  /// The program for operands that are all of `dtype` and numbers that do not widen it, if it was compiled before. Without a count of
  /// references: this function keeps it alive.
  public func uniformProgram(_ dtype: DType) -> Unmanaged<PointwiseProgram>? { cache.findUniform(dtype) }

  /// Compiles the program that `uniformProgram` finds from then on.
  /// - Precondition: no input is a condition, whose dtype would say nothing about the result's.
  public func makeUniformProgram(_ dtype: DType) throws(EmberError) -> Unmanaged<PointwiseProgram> {
    let common = try computeDType(common: dtype.isStorageOnly ? ComputeType(dtype).dtype : dtype)
    var inputDTypes = InputDTypes()
    for _ in 0..<arity { inputDTypes.append(dtype) }
    let program = try program(inputDTypes, common: common)
    cache.noteUniform(program, for: dtype)
    return .passUnretained(program)
  }

  // MARK: Derivatives

  /// The function that yields the gradients of the inputs in `mask` (bit i: input i).
  public func gradient(mask: UInt8) -> PointwiseGradient { unmanagedGradient(mask: mask).takeUnretainedValue() }

  /// The same without a count of references: this function keeps it alive.
  public func unmanagedGradient(mask: UInt8) -> Unmanaged<PointwiseGradient> {
    let isCommon = Int(mask) < commonGradients.count
    if isCommon, let pointer = UnsafeRawPointer(bitPattern: commonGradients[Int(mask)].load(ordering: .acquiring)) {
      return Unmanaged<PointwiseGradient>.fromOpaque(pointer)
    }
    let gradient = gradientCache.withLock { cache in
      if let known = cache[mask] { return known }
      let made = makeGradient(mask: mask)
      cache[mask] = made
      return made
    }
    let unmanaged = Unmanaged.passUnretained(gradient)
    if isCommon { commonGradients[Int(mask)].store(UInt(bitPattern: unmanaged.toOpaque()), ordering: .releasing) }
    return unmanaged
  }

  private func makeGradient(mask: UInt8) -> PointwiseGradient {
    precondition(roots.count == 1, "\(name): a function of several results is derived one result at a time")
    let graph = ExpressionGraph(copying: nodes)
    let root = roots[0]
    let inputs = (0..<arity).map { graph.intern(.input($0)) }
    // Beyond the function's own inputs: its output and the upstream gradient.
    let output = graph.intern(.input(arity))
    let upstream = graph.intern(.input(arity + 1))
    var gradients: [Expression?]
    if let explicitDerivative {
      let numbers = (0..<parameterCount).map { graph.expression(.parameter($0)) }
      gradients = explicitDerivative(
        inputs.map { Expression($0, in: graph) }, numbers, Expression(output, in: graph), Expression(upstream, in: graph))
    } else {
      gradients = graph.gradients(of: root, with: Expression(upstream, in: graph), inputs: inputs)
    }
    for i in 0..<arity where mask & (1 << UInt8(i)) == 0 { gradients[i] = nil }
    let wanted = gradients.map { $0?.node(in: graph) }

    // Saving the output instead of recomputing it pays where it spares saving inputs: exp, tanh, sigmoid, sqrt.
    var roots = wanted.compactMap { $0 }
    var nodes = graph.nodes
    let (substituted, substitutedRoots) = ExpressionGraph.substituting(root, by: output, in: nodes, roots: roots)
    let plain = ExpressionGraph.inputs(of: roots, in: nodes), shared = ExpressionGraph.inputs(of: substitutedRoots, in: substituted)
    if shared.filter({ $0 < arity }).count < plain.filter({ $0 < arity }).count {
      nodes = substituted
      roots = substitutedRoots
    }
    let used = ExpressionGraph.inputs(of: roots, in: nodes)
    // Renumber the inputs that are used.
    nodes = nodes.map { node in
      if case .input(let i) = node, let position = used.firstIndex(of: i) { return .input(position) }
      return node
    }
    let passesThrough = wanted.map { node in node == upstream }
    let usedRoles = used.map { $0 < arity ? roles[$0] : Role.value }
    let function = Pointwise(
      name: name + "_backward", roles: usedRoles, parameterCount: parameterCount, promotion: promotion == .integral ? .common : promotion,
      nodes: nodes, roots: roots)
    return PointwiseGradient(
      function: function, sources: used.map { $0 < arity ? .input($0) : $0 == arity ? .output : .upstream },
      present: wanted.map { $0 != nil }, passesThrough: passesThrough)
  }
}

/// The derivative of a pointwise function for some of its inputs. A class so that the nodes of a tape share one; what a node
/// asks it while it is made is kept in plain numbers, which cost no reference counting.
public final class PointwiseGradient: Sendable {
  /// What an input of `function` is.
  public enum Source: Sendable, Equatable {
    case input(Int)
    case output
    case upstream
  }

  /// Computes the gradients that are present, in order of the inputs, as its results.
  public let function: Pointwise
  public let sourceCount: Int
  /// Four bits each: the number of an input, or one of the two codes below.
  private let packedSources: UInt64
  private static let outputCode: UInt64 = 14, upstreamCode: UInt64 = 15
  /// Neither inputs nor the output are read: nothing has to be kept for a backward pass.
  public let readsOnlyUpstream: Bool
  /// The first input must be kept for a backward pass.
  public let readsFirstInput: Bool
  /// Bit i: input i of the original function has a gradient.
  public let present: UInt8
  /// Bit i: that gradient is the upstream one itself, no kernel needed.
  public let passing: UInt8

  init(function: Pointwise, sources: [Source], present: [Bool], passesThrough: [Bool]) {
    self.function = function
    sourceCount = sources.count
    readsOnlyUpstream = sources.allSatisfy { $0 == .upstream }
    readsFirstInput = sources.contains(.input(0))
    var packed: UInt64 = 0
    for (position, source) in sources.enumerated() {
      let code =
        switch source {
        case .input(let i): UInt64(i)
        case .output: Self.outputCode
        case .upstream: Self.upstreamCode
        }
      packed |= code << (4 * UInt64(position))
    }
    packedSources = packed
    func mask(_ flags: [Bool]) -> UInt8 { flags.enumerated().reduce(0) { $1.element ? $0 | 1 << UInt8($1.offset) : $0 } }
    self.present = mask(present)
    passing = mask(passesThrough)
  }

  public func source(_ position: Int) -> Source {
    let code = packedSources >> (4 * UInt64(position)) & 15
    return code == Self.outputCode ? .output : code == Self.upstreamCode ? .upstream : .input(Int(code))
  }

  public func uses(_ source: Source) -> Bool { (0..<sourceCount).contains { self.source($0) == source } }
}

extension ExpressionGraph {
  /// The numbers of the inputs that `roots` depend on, ascending.
  static func inputs(of roots: [Int], in nodes: [Node]) -> [Int] {
    var seen = Set<Int>(), found = Set<Int>(), pending = roots
    while let number = pending.popLast() {
      guard seen.insert(number).inserted else { continue }
      switch nodes[number] {
      case .input(let i): found.insert(i)
      case .apply(_, let operands): pending += operands
      case .parameter, .constant: break
      }
    }
    return found.sorted()
  }

  /// `roots` with every use of node `old` replaced by node `new`.
  static func substituting(_ old: Int, by new: Int, in nodes: [Node], roots: [Int]) -> ([Node], [Int]) {
    let graph = ExpressionGraph()
    var mapped: [Int: Int] = [:]
    func map(_ number: Int) -> Int {
      if number == old { return map(new) }
      if let known = mapped[number] { return known }
      let result: Int
      if case .apply(let opcode, let operands) = nodes[number] {
        result = graph.intern(.apply(opcode, operands.map(map)))
      } else {
        result = graph.intern(nodes[number])
      }
      mapped[number] = result
      return result
    }
    // Only an applied function is worth saving as output; an input is saved as itself.
    guard case .apply = nodes[old] else { return (nodes, roots) }
    let newRoots = roots.map(map)
    return (graph.nodes, newRoots)
  }
}

extension ComputeType {
  /// The type an input is loaded as: the common one, or its own if it must not be narrowed on the way (complex into real).
  static func meetForLoad(_ dtype: DType, _ common: ComputeType) -> ComputeType {
    let own = ComputeType(dtype)
    // Real operands of complex functions stay real until they meet a complex one: half the work, and signed zeros survive.
    if common.isComplex, !own.isComplex { return own.dtype.isFloatingPoint ? common.realPart : common }
    if own.isComplex, !common.isComplex { return own }
    return common
  }
}

extension Opcode {
  /// Whether the function means anything for operands of a type.
  func isDefined(for type: ComputeType) -> Bool {
    // Of integers these have no kernel; functions that take integers compute in the default floating type.
    let isElementary = (Opcode.sqrt.rawValue...Opcode.sigmoid.rawValue).contains(rawValue) || [.lgamma, .digamma, .gelu, .geluGradient].contains(self)
    if isElementary, type.rawValue < ComputeType.float32.rawValue { return false }
    switch self {
    case .less, .lessEqual, .greater, .greaterEqual, .maximum, .minimum, .fmax, .fmin, .floorDivide, .remainder, .fmod, .atan2,
      .floor, .ceil, .round, .trunc, .copysign, .hypot, .nextafter, .erf, .erfc, .erfinv, .lgamma, .digamma, .polygamma,
      .gelu, .geluGradient, .makeComplex:
      return !type.isComplex
    case .bitwiseAnd, .bitwiseOr, .bitwiseXor, .bitwiseNot: return type.rawValue <= ComputeType.int64.rawValue
    case .shiftLeft, .shiftRight, .gcd, .lcm: return type.rawValue <= ComputeType.int64.rawValue && type != .bool
    default: return !isSpecial || !type.isComplex
    }
  }
}

/// The dtypes of a call's operands in one word, five bits each: ten fit beside the common dtype, the eight inputs of a user's
/// function and the output and upstream gradient that its derivative reads besides.
public struct InputDTypes: Sendable {
  @usableFromInline var packed: UInt64 = 0
  private var shift: UInt64 = 0

  public init() {}

  public mutating func append(_ dtype: DType) {
    packed |= UInt64(dtype.rawValue) << shift
    shift += 5
  }
}

/// Numbers given to a pointwise function at a call. Inline: passing them allocates nothing.
public struct ScalarParameters: Sendable {
  public static let capacity = 3
  private var values: InlineArray<3, Scalar>
  public private(set) var count: Int

  @inlinable public static var none: ScalarParameters { ScalarParameters() }

  public init() {
    values = InlineArray(repeating: .bool(false))
    count = 0
  }

  public init(_ a: Scalar) {
    self.init()
    values[0] = a
    count = 1
  }

  public init(_ a: Scalar, _ b: Scalar) {
    self.init(a)
    values[1] = b
    count = 2
  }

  public init(_ a: Scalar, _ b: Scalar, _ c: Scalar) {
    self.init(a, b)
    values[2] = c
    count = 3
  }

  /// At most `capacity` numbers.
  public init(_ all: [Scalar]) {
    self.init()
    for (i, value) in all.enumerated() { values[i] = value }
    count = all.count
  }

  public subscript(i: Int) -> Scalar { values[i] }
}

/// Programs by key: direct-mapped tables read without a lock in front of a dictionary, which keeps the programs alive for good.
private final class ProgramCache: Sendable {
  private let recent = InlineArray<16, Atomic<UInt>> { _ in Atomic(0) }
  /// Programs for operands of one dtype, by its raw value.
  private let uniform = InlineArray<32, Atomic<UInt>> { _ in Atomic(0) }
  private let all = Mutex<[UInt64: PointwiseProgram]>([:])

  private static func slot(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 60) }

  @inline(__always) private static func program(at address: UInt) -> Unmanaged<PointwiseProgram>? {
    UnsafeRawPointer(bitPattern: address).map { Unmanaged<PointwiseProgram>.fromOpaque($0) }
  }

  private static func address(of program: PointwiseProgram) -> UInt { UInt(bitPattern: Unmanaged.passUnretained(program).toOpaque()) }

  func findUniform(_ dtype: DType) -> Unmanaged<PointwiseProgram>? {
    Self.program(at: uniform[Int(dtype.rawValue)].load(ordering: .acquiring))
  }

  func noteUniform(_ program: PointwiseProgram, for dtype: DType) {
    uniform[Int(dtype.rawValue)].store(Self.address(of: program), ordering: .releasing)
  }

  func find(_ key: UInt64) -> PointwiseProgram? {
    let slot = Self.slot(key)
    if let program = Self.program(at: recent[slot].load(ordering: .acquiring))?.takeUnretainedValue(), program.key == key { return program }
    guard let program = all.withLock({ $0[key] }) else { return nil }
    recent[slot].store(Self.address(of: program), ordering: .releasing)
    return program
  }

  func insert(_ program: PointwiseProgram) -> PointwiseProgram {
    all.withLock { programs in
      if let existing = programs[program.key] { return existing }
      programs[program.key] = program
      return program
    }
  }
}
