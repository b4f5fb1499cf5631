import EmberRuntime

extension Tensor {
  /// A tensor of arbitrary contents whose dimensions lie in memory in the order `layout`, outermost first.
  public static func emptyPermuted(_ shape: [Int], layout: [Int], dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    guard layout.count == shape.count, layout.sorted() == Array(shape.indices) else {
      return refuse(.shape, "empty_permuted", "\(layout) is no order of the dimensions of \(shape)")
    }
    let inverse = shape.indices.map { layout.firstIndex(of: $0)! }
    return empty(layout.map { shape[$0] }, dtype: dtype, on: device).permute(inverse)
  }

  /// A tensor of arbitrary contents with the given strides, in elements.
  public static func emptyStrided(_ shape: [Int], strides: [Int], dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in
      let extents = try checkedShape(shape, in: "empty_strided")
      guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }) else {
        throw EmberError(.shape, in: "empty_strided", "strides \(strides) for the shape \(shape): there must be one each, none negative")
      }
      var length = extents.elementCount == 0 ? 0 : 1
      if length > 0 { for (extent, stride) in zip(shape, strides) { length += (extent - 1) * stride } }
      let memory = try empty(shape: try checkedShape([length], in: "empty_strided"), dtype: dtype, on: try Backends.backend(for: device))
      return memory.view(extents, Strides(strides), offset: 0)
    }
  }

  /// This tensor's shape, dtype and device with every element equal to `value`. Nothing flows back to this tensor.
  public func filled(with value: Scalar) -> Tensor { Tensor.full(like: self, value) }
}

// MARK: - Registration

/// What factory functions share besides shape and contents.
private let factoryOptions =
  "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool requires_grad=False"

/// Options as they come, and what they mean. Pinned memory has no meaning here.
private struct FactoryOptions {
  var device: Device
  var requiresGrad: Bool

  init(_ layout: OperatorValue, _ device: Device?, _ requiresGrad: Bool, default fallback: Device = .cpu) throws(EmberError) {
    if case .layout(let name) = layout, name != "strided" {
      throw EmberError(.unsupported, in: "factory", "a tensor of layout \(name) cannot be made by this function; make a strided one")
    }
    self.device = device ?? fallback
    self.requiresGrad = requiresGrad
  }

  func callAsFunction(_ made: Tensor) -> Tensor { requiresGrad && made.dtype.isDifferentiable ? made.requiringGrad() : made }
}

extension OperatorRegistry {
  mutating func addFactories() {
    addFilled()
    addLike()
    addNew()
    addRanges()
    add("aten::fill.Scalar(Tensor self, Scalar value) -> Tensor") { (x: Tensor, value: Scalar) in x.filled(with: value) }
    add("aten::fill.Tensor(Tensor self, Tensor value) -> Tensor") { (x: Tensor, value: Tensor) in
      guard value.rank == 0 else { throw EmberError(.shape, in: "fill", "the value must have no dimensions, not \(value.summary)") }
      return value.to(x.dtype).expand(Array(x.shape)).contiguous()
    }
    add("aten::zero_(Tensor(a!) self) -> Tensor(a!)") { (x: Tensor) in x.filled(with: 0) }
  }

  private mutating func addFilled() {
    func add(_ declaration: String, _ make: @escaping @Sendable ([Int], DType, Device) -> Tensor) {
      self.add("aten::\(declaration)") {
        (size: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
        let options = try FactoryOptions(layout, device, requiresGrad)
        return options(make(size, dtype ?? .float32, options.device))
      }
    }
    add("zeros(int[] size, \(factoryOptions)) -> Tensor") { .zeros($0, dtype: $1, on: $2) }
    add("ones(int[] size, \(factoryOptions)) -> Tensor") { .ones($0, dtype: $1, on: $2) }
    self.add("aten::empty.memory_format(int[] size, \(factoryOptions), MemoryFormat? memory_format=None) -> Tensor") {
      (size: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool, format: OperatorValue) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      let made = Tensor.empty(size, dtype: dtype ?? .float32, on: options.device)
      try checkMemoryFormat(format, made, in: "empty")
      return options(made)
    }
    self.add("aten::full(int[] size, Scalar fill_value, \(factoryOptions)) -> Tensor") {
      (size: [Int], value: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.full(size, value, dtype: dtype, on: options.device))
    }
    self.add("aten::scalar_tensor(Scalar s, \(factoryOptions)) -> Tensor") {
      (value: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.full([], value, dtype: dtype ?? (value.category == .complex ? .complex64 : .float32), on: options.device))
    }
    self.add("aten::empty_permuted(int[] size, int[] physical_layout, \(factoryOptions)) -> Tensor") {
      (size: [Int], order: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.emptyPermuted(size, layout: order, dtype: dtype ?? .float32, on: options.device))
    }
    self.add("aten::empty_strided(int[] size, int[] stride, \(factoryOptions)) -> Tensor") {
      (size: [Int], strides: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.emptyStrided(size, strides: strides, dtype: dtype ?? .float32, on: options.device))
    }
  }

  private mutating func addLike() {
    func add(_ name: String, _ make: @escaping @Sendable ([Int], DType, Device) -> Tensor) {
      self.add("aten::\(name)(Tensor self, \(factoryOptions), MemoryFormat? memory_format=None) -> Tensor") {
        (x: Tensor, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool, format: OperatorValue) in
        let options = try FactoryOptions(layout, device, requiresGrad, default: x.device)
        try checkMemoryFormat(format, x, in: name)
        return options(make(Array(x.shape), dtype ?? x.dtype, options.device))
      }
    }
    add("zeros_like") { .zeros($0, dtype: $1, on: $2) }
    add("ones_like") { .ones($0, dtype: $1, on: $2) }
    add("empty_like") { .empty($0, dtype: $1, on: $2) }
    add("rand_like") { .rand($0, dtype: $1, on: $2) }
    add("randn_like") { .randn($0, dtype: $1, on: $2) }
    self.add("aten::full_like(Tensor self, Scalar fill_value, \(factoryOptions), MemoryFormat? memory_format=None) -> Tensor") {
      (
        x: Tensor, value: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool, format: OperatorValue
      ) in
      let options = try FactoryOptions(layout, device, requiresGrad, default: x.device)
      try checkMemoryFormat(format, x, in: "full_like")
      return options(.full(Array(x.shape), value, dtype: dtype ?? x.dtype, on: options.device))
    }
  }

  private mutating func addNew() {
    func add(_ name: String, _ make: @escaping @Sendable ([Int], DType, Device) -> Tensor) {
      self.add("aten::\(name)(Tensor self, int[] size, \(factoryOptions)) -> Tensor") {
        (x: Tensor, size: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
        let options = try FactoryOptions(layout, device, requiresGrad, default: x.device)
        return options(make(size, dtype ?? x.dtype, options.device))
      }
    }
    add("new_zeros") { .zeros($0, dtype: $1, on: $2) }
    add("new_ones") { .ones($0, dtype: $1, on: $2) }
    add("new_empty") { .empty($0, dtype: $1, on: $2) }
    self.add("aten::new_full(Tensor self, int[] size, Scalar fill_value, \(factoryOptions)) -> Tensor") {
      (x: Tensor, size: [Int], value: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad, default: x.device)
      return options(.full(size, value, dtype: dtype ?? x.dtype, on: options.device))
    }
    self.add("aten::new_empty_strided(Tensor self, int[] size, int[] stride, \(factoryOptions)) -> Tensor") {
      (x: Tensor, size: [Int], strides: [Int], dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad, default: x.device)
      return options(.emptyStrided(size, strides: strides, dtype: dtype ?? x.dtype, on: options.device))
    }
  }

  private mutating func addRanges() {
    add("aten::arange(Scalar end, \(factoryOptions)) -> Tensor") {
      (end: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.arange(0, end, dtype: dtype, on: options.device))
    }
    add("aten::arange.start(Scalar start, Scalar end, \(factoryOptions)) -> Tensor") {
      (start: Scalar, end: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.arange(start, end, dtype: dtype, on: options.device))
    }
    add("aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, \(factoryOptions)) -> Tensor") {
      (start: Scalar, end: Scalar, step: Scalar, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.arange(start, end, step: step, dtype: dtype, on: options.device))
    }
    // The ends may be numbers or tensors without dimensions.
    addSpaced("", Scalar.self, Scalar.self)
    addSpaced(".Tensor_Tensor", Tensor.self, Tensor.self)
    addSpaced(".Tensor_Scalar", Tensor.self, Scalar.self)
    addSpaced(".Scalar_Tensor", Scalar.self, Tensor.self)
    add("aten::eye(int n, \(factoryOptions)) -> Tensor") {
      (n: Int, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.eye(n, dtype: dtype ?? .float32, on: options.device))
    }
    add("aten::eye.m(int n, int m, \(factoryOptions)) -> Tensor") {
      (n: Int, m: Int, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.eye(n, m, dtype: dtype ?? .float32, on: options.device))
    }
    for (name, make) in [("tril_indices", Tensor.trilIndices), ("triu_indices", Tensor.triuIndices)] {
      add("aten::\(name)(int row, int col, int offset=0, \(factoryOptions)) -> Tensor") {
        (rows: Int, columns: Int, offset: Int, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, _: Bool) in
        make(rows, columns, offset, dtype ?? .int64, try FactoryOptions(layout, device, false).device)
      }
    }
  }

  private mutating func addSpaced<Start: RangeLimit, End: RangeLimit>(_ overload: String, _: Start.Type, _: End.Type) {
    add("aten::linspace\(overload)(\(Start.self) start, \(End.self) end, int steps, \(factoryOptions)) -> Tensor") {
      (start: Start, end: End, steps: Int, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.linspace(try start.limit(), try end.limit(), count: steps, dtype: dtype, on: options.device))
    }
    add("aten::logspace\(overload)(\(Start.self) start, \(End.self) end, int steps, float base=10.0, \(factoryOptions)) -> Tensor") {
      (
        start: Start, end: End, steps: Int, base: Double, dtype: DType?, layout: OperatorValue, device: Device?, _: Bool?,
        requiresGrad: Bool
      ) in
      let options = try FactoryOptions(layout, device, requiresGrad)
      return options(.logspace(try start.limit(), try end.limit(), count: steps, base: base, dtype: dtype, on: options.device))
    }
  }
}

/// An end of a range: a number, or a tensor without dimensions.
private protocol RangeLimit: OperatorArgument {
  func limit() throws(EmberError) -> Scalar
}

extension Scalar: RangeLimit {
  fileprivate func limit() -> Scalar { self }
}

extension Tensor: RangeLimit {
  fileprivate func limit() throws(EmberError) -> Scalar {
    guard rank == 0 else { throw EmberError(.shape, in: "linspace", "an end must have no dimensions, not be \(summary)") }
    return scalar()
  }
}
