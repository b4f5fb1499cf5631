import EmberRuntime
public import EmberTensor

/// Samples by position. Access may come from several threads at once.
public protocol Dataset<Element>: Sendable {
  associatedtype Element: Sendable
  var count: Int { get }
  /// The sample at a position, from 0 to `count - 1`.
  func element(at index: Int) throws -> Element
}

/// A dataset that can hand out many samples at once faster than one by one.
public protocol BatchedDataset<Batch>: Dataset {
  associatedtype Batch: Sendable
  func batch(at indices: [Int]) throws -> Batch
}

extension Dataset {
  func check(_ index: Int) throws {
    guard index >= 0, index < count else {
      throw EmberError(.index, in: "dataset", "sample \(index) of a dataset with \(count)")
    }
  }

  /// The dataset with every sample changed when it is taken out.
  public func map<Result: Sendable>(_ transform: @escaping @Sendable (Element) throws -> Result) -> MapDataset<Self, Result> {
    MapDataset(self, transform)
  }
}

/// Rows of two tensors: inputs and targets. Batches are cut out by one `indexSelect` each.
public struct TensorDataset: BatchedDataset {
  public let inputs, targets: Tensor
  public let count: Int

  /// - Precondition: as many targets as inputs; otherwise an error is raised and the dataset is empty.
  public init(_ inputs: Tensor, _ targets: Tensor) {
    self.inputs = inputs.detach()
    self.targets = targets.detach()
    if inputs.rank > 0, targets.rank > 0, inputs.shape[0] == targets.shape[0] {
      count = inputs.shape[0]
    } else {
      count = 0
      raise(EmberError(.shape, in: "TensorDataset", "inputs \(inputs.shape) and targets \(targets.shape) have different numbers of rows"))
    }
  }

  public func element(at index: Int) throws -> (Tensor, Tensor) {
    try check(index)
    return try catchingErrors { (inputs.select(0, index), targets.select(0, index)) }
  }

  public func batch(at indices: [Int]) throws -> (Tensor, Tensor) {
    for index in indices { try check(index) }
    return try catchingErrors {
      let rows = Tensor(indices)
      return (inputs.indexSelect(0, rows.to(inputs.device)), targets.indexSelect(0, rows.to(targets.device)))
    }
  }
}

/// Rows of any number of tensors.
public struct TensorListDataset: BatchedDataset {
  public let tensors: [Tensor]
  public let count: Int

  public init(_ tensors: [Tensor]) {
    self.tensors = tensors.map { $0.detach() }
    let rows = tensors.first.map { $0.rank > 0 ? $0.shape[0] : 0 } ?? 0
    if tensors.allSatisfy({ $0.rank > 0 && $0.shape[0] == rows }) {
      count = rows
    } else {
      count = 0
      raise(EmberError(.shape, in: "TensorListDataset", "tensors with different numbers of rows: \(tensors.map { $0.shape })"))
    }
  }

  public func element(at index: Int) throws -> [Tensor] {
    try check(index)
    return try catchingErrors { tensors.map { $0.select(0, index) } }
  }

  public func batch(at indices: [Int]) throws -> [Tensor] {
    for index in indices { try check(index) }
    return try catchingErrors {
      let rows = Tensor(indices)
      return tensors.map { $0.indexSelect(0, rows.to($0.device)) }
    }
  }
}

/// The samples of an array.
public struct ArrayDataset<Element: Sendable>: Dataset {
  public let elements: [Element]
  public init(_ elements: [Element]) { self.elements = elements }
  public var count: Int { elements.count }

  public func element(at index: Int) throws -> Element {
    try check(index)
    return elements[index]
  }
}

/// A dataset whose samples are changed when they are taken out.
public struct MapDataset<Base: Dataset, Element: Sendable>: Dataset {
  public let base: Base
  private let transform: @Sendable (Base.Element) throws -> Element

  public init(_ base: Base, _ transform: @escaping @Sendable (Base.Element) throws -> Element) {
    self.base = base
    self.transform = transform
  }

  public var count: Int { base.count }
  public func element(at index: Int) throws -> Element { try transform(base.element(at: index)) }
}

/// Some samples of a dataset, in an order of their own.
public struct Subset<Base: Dataset>: Dataset {
  public let base: Base
  public let indices: [Int]

  public init(_ base: Base, _ indices: [Int]) {
    self.base = base
    self.indices = indices
  }

  public var count: Int { indices.count }

  public func element(at index: Int) throws -> Base.Element {
    try check(index)
    return try base.element(at: indices[index])
  }
}

extension Subset: BatchedDataset where Base: BatchedDataset {
  public func batch(at indices: [Int]) throws -> Base.Batch {
    for index in indices { try check(index) }
    return try base.batch(at: indices.map { self.indices[$0] })
  }
}

/// Datasets one after another.
public struct ConcatDataset<Base: Dataset>: Dataset {
  public let parts: [Base]
  /// Where each part ends.
  private let ends: [Int]

  public init(_ parts: [Base]) {
    self.parts = parts
    var end = 0
    ends = parts.map {
      end += $0.count
      return end
    }
  }

  public var count: Int { ends.last ?? 0 }

  public func element(at index: Int) throws -> Base.Element {
    try check(index)
    var low = 0, high = ends.count - 1
    while low < high {
      let middle = (low + high) / 2
      if index < ends[middle] { high = middle } else { low = middle + 1 }
    }
    return try parts[low].element(at: low == 0 ? index : index - ends[low - 1])
  }
}

/// Distributes the samples at random over parts of the given sizes, as `torch.utils.data.random_split` does.
public func randomSplit<Base: Dataset>(_ dataset: Base, _ counts: [Int], generator: Generator? = nil) throws -> [Subset<Base>] {
  guard counts.allSatisfy({ $0 >= 0 }), counts.reduce(0, +) == dataset.count else {
    throw EmberError(.value, in: "randomSplit", "parts of \(counts) samples do not add up to the dataset's \(dataset.count)")
  }
  let order = try Tensor.randperm(dataset.count, generator: generator).elementsOrThrow(as: Int.self)
  var start = 0
  return counts.map { count in
    defer { start += count }
    return Subset(dataset, Array(order[start..<start + count]))
  }
}

/// The same by shares that add up to 1; what rounding leaves over goes to the first parts, one sample each.
public func randomSplit<Base: Dataset>(_ dataset: Base, fractions: [Double], generator: Generator? = nil) throws -> [Subset<Base>] {
  guard fractions.allSatisfy({ $0 >= 0 && $0 <= 1 }), abs(fractions.reduce(0, +) - 1) < 1e-6 else {
    throw EmberError(.value, in: "randomSplit", "the shares \(fractions) do not add up to 1")
  }
  var counts = fractions.map { Int(Double(dataset.count) * $0) }
  var rest = dataset.count - counts.reduce(0, +)
  var i = 0
  while rest > 0 {
    counts[i % counts.count] += 1
    rest -= 1
    i += 1
  }
  return try randomSplit(dataset, counts, generator: generator)
}
