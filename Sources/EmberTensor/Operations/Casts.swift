import EmberRuntime

extension OperatorRegistry {
  /// `x.float()`, `x.to(…)`. Memory formats are accepted and have no effect: results are dense in row-major order.
  mutating func addCasts() {
    let names: KeyValuePairs<String, DType> = [
      "bfloat16": .bfloat16, "bool": .bool, "byte": .uint8, "cdouble": .complex128, "cfloat": .complex64, "chalf": .complex32,
      "char": .int8, "double": .float64, "float": .float32, "half": .float16, "int": .int32, "long": .int64, "short": .int16,
    ]
    for (name, dtype) in names {
      add("torch.Tensor.\(name)(Tensor self, MemoryFormat? memory_format=None) -> Tensor") { (x: Tensor, format: OperatorValue) in
        try checkMemoryFormat(format, x, in: name)
        return x.to(dtype)
      }
    }
    let options = "bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None"
    add("aten::to.device(Tensor self, Device device, ScalarType dtype, \(options)) -> Tensor") {
      (x: Tensor, device: Device, dtype: DType, _: Bool, copies: Bool, format: OperatorValue) in
      try checkMemoryFormat(format, x, in: "to")
      return converted(x, dtype, device, copies: copies)
    }
    add("aten::to.dtype(Tensor self, ScalarType dtype, \(options)) -> Tensor") {
      (x: Tensor, dtype: DType, _: Bool, copies: Bool, format: OperatorValue) in
      try checkMemoryFormat(format, x, in: "to")
      return converted(x, dtype, x.device, copies: copies)
    }
    add("aten::to.other(Tensor self, Tensor other, \(options)) -> Tensor") {
      (x: Tensor, other: Tensor, _: Bool, copies: Bool, format: OperatorValue) in
      try checkMemoryFormat(format, x, in: "to")
      return converted(x, other.dtype, other.device, copies: copies)
    }
  }
}

private func converted(_ x: Tensor, _ dtype: DType, _ device: Device, copies: Bool) -> Tensor {
  if copies, x.dtype == dtype, x.device == device { return x.clone() }
  return x.to(device).to(dtype)
}

/// Refuses memory formats that a tensor's rank does not have.
func checkMemoryFormat(_ format: OperatorValue, _ x: Tensor, in operation: String) throws(EmberError) {
  guard case .memoryFormat(let name) = format else { return }
  let ranks = ["channels_last": 4, "channels_last_3d": 5]
  if let rank = ranks[name], rank != x.rank {
    throw EmberError(.shape, in: operation, "\(name) is a format of tensors of \(rank) dimensions, not of \(x.summary)")
  }
}
