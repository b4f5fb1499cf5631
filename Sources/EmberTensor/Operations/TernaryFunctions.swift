import EmberRuntime

/// Pointwise functions of three tensors, and limits.
extension Pointwise {
  /// a + w (b - a), from the nearer end so that w = 1 gives b exactly.
  public static let lerp = Pointwise(
    "lerp", roles: [.value, .value, .value],
    derivative: { x, _, _, g in
      [g * .unary(.conjugate, 1 - x[2]), g * .unary(.conjugate, x[2]), g * .unary(.conjugate, x[1] - x[0])]
    }
  ) { x, _ in interpolate(x[0], x[1], x[2]) }
  public static let lerpByNumber = Pointwise(
    "lerp", roles: [.value, .value], parameters: 1,
    derivative: { _, p, _, g in [g * .unary(.conjugate, 1 - p[0]), g * .unary(.conjugate, p[0])] }
  ) { x, p in interpolate(x[0], x[1], p[0]) }
  private static func interpolate(_ a: Expression, _ b: Expression, _ w: Expression) -> Expression {
    select(abs(w) .< 0.5, a + w * (b - a), b - (b - a) * (1 - w))
  }

  // The gradient goes to the operand that the result equals, and evenly to two; to the upper limit where the limits cross.
  public static let clampByTensors = Pointwise(
    "clamp", roles: [.value, .value, .value],
    derivative: { x, _, _, g in
      let (value, low, high) = (x[0], x[1], x[2])
      let half = g * 0.5
      return [
        select((value .< low) .| (value .> high), 0, select((low .< high) .& ((value .== low) .| (value .== high)), half, g)),
        select((low .<= high) .& (value .< low), g, select((low .< high) .& (value .== low), half, 0)),
        select((low .> high) .| (value .> high), g, select((low .< high) .& (value .== high), half, 0)),
      ]
    }
  ) { x, _ in EmberRuntime.minimum(EmberRuntime.maximum(x[0], x[1]), x[2]) }
  public static let clampMinByTensor = Pointwise("clamp_min") { a, b in EmberRuntime.maximum(a, b) }
  public static let clampMaxByTensor = Pointwise("clamp_max") { a, b in EmberRuntime.minimum(a, b) }
}

extension Tensor {
  /// Limits every element to `min` ... `max`, which broadcast with this tensor. Where they cross, `max` wins.
  public func clamp(min: Tensor?, max: Tensor?) -> Tensor {
    switch (min, max) {
    case (let low?, let high?): Pointwise.clampByTensors(self, low, high)
    case (let low?, nil): Pointwise.clampMinByTensor(self, low)
    case (nil, let high?): Pointwise.clampMaxByTensor(self, high)
    case (nil, nil): refuse(.value, "clamp", "give min, max or both")
    }
  }

  /// self + weight · (end - self), all of one dtype.
  public func lerp(_ end: Tensor, weight: Tensor) -> Tensor {
    accepting([.floatingPoint, .complex], in: "lerp", self) {
      requiringOneDType(in: "lerp", self, end, weight) { Pointwise.lerp(self, end, weight) }
    }
  }

  /// self + weight · (end - self)
  public func lerp(_ end: Tensor, weight: Scalar) -> Tensor {
    accepting([.floatingPoint, .complex], in: "lerp", self) {
      requiringOneDType(in: "lerp", self, end) { Pointwise.lerpByNumber(self, end, ScalarParameters(weight)) }
    }
  }

  /// self + value · a · b
  public func addcmul(_ a: Tensor, _ b: Tensor, value: Scalar = 1) -> Tensor {
    // The factor takes the tensors' category, and widens nothing.
    let category = Swift.max(dtype.category, a.dtype.category, b.dtype.category)
    return Pointwise.addcmul(self, a, b, ScalarParameters(value.category > category ? value.narrowed(to: category) : value))
  }

  /// self + value · a / b; not for integers.
  public func addcdiv(_ a: Tensor, _ b: Tensor, value: Scalar = 1) -> Tensor {
    if a.dtype.category <= .integer, b.dtype.category <= .integer, !a.isPoisoned, !b.isPoisoned {
      return refuse(.dtype, "addcdiv", "does not divide integers (\(a.summary) by \(b.summary)); convert one to floating point")
    }
    return Pointwise.addcdiv(self, a, b, ScalarParameters(value))
  }
}

extension OperatorRegistry {
  mutating func addTernaryFunctions() {
    add("aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, value: Scalar) in x.addcmul(a, b, value: value)
    }
    add("aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, value: Scalar) in x.addcdiv(a, b, value: value)
    }
    add("aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor") { (x: Tensor, end: Tensor, w: Scalar) in
      x.lerp(end, weight: w)
    }
    add("aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor") { (x: Tensor, end: Tensor, w: Tensor) in
      x.lerp(end, weight: w)
    }
    add("aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor") { (x: Tensor, low: Scalar?, high: Scalar?) in
      x.clamp(min: low, max: high)
    }
    add("aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor") { (x: Tensor, low: Tensor?, high: Tensor?) in
      x.clamp(min: low, max: high)
    }
    add("aten::clamp_min(Tensor self, Scalar min) -> Tensor") { (x: Tensor, low: Scalar) in x.clamp(min: low) }
    add("aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor") { (x: Tensor, low: Tensor) in x.clamp(min: low, max: nil) }
    add("aten::clamp_max(Tensor self, Scalar max) -> Tensor") { (x: Tensor, high: Scalar) in x.clamp(max: high) }
    add("aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor") { (x: Tensor, high: Tensor) in x.clamp(min: nil, max: high) }
  }
}
