import EmberFunctional
import EmberRuntime
import EmberTensor

/// Functions of one tensor, element by element.
extension OperatorTable {
  mutating func addElementwise() {
    let functions: KeyValuePairs<String, @Sendable (Tensor) -> Tensor> = [
      "Acos": { $0.acos() }, "Acosh": { $0.acosh() }, "Asin": { $0.asin() }, "Asinh": { $0.asinh() }, "Atan": { $0.atan() },
      "Atanh": { $0.atanh() }, "Ceil": { $0.ceil() }, "Cos": { $0.cos() }, "Cosh": { $0.cosh() }, "Erf": { $0.erf() },
      "Exp": { $0.exp() }, "Floor": { $0.floor() }, "Log": { $0.log() }, "Reciprocal": { $0.reciprocal() }, "Round": { $0.round() },
      "Sigmoid": { $0.sigmoid() }, "Sin": { $0.sin() }, "Sinh": { $0.sinh() }, "Sqrt": { $0.sqrt() }, "Tan": { $0.tan() },
      "Tanh": { $0.tanh() },
    ]
    for (name, function) in functions {
      add(name) { call in
        let x = try call.tensor(0)
        return function(x).to(x.dtype)
      }
    }
    add("Abs") { call in
      let x = try call.tensor(0)
      return x.dtype.isSigned && x.dtype != .bool ? x.abs() : x
    }
    add("Neg") { call in
      let x = try call.tensor(0)
      return (-x.wide).to(x.dtype)
    }
    add("Sign", since: 9) { call in
      let x = try call.tensor(0)
      return x.dtype.isSigned ? x.sign() : (x.wide .!= 0).to(x.dtype)
    }
    add("Identity") { call in try call.value(0) }
    add("IsNaN", since: 9) { call in try call.tensor(0).wide.isNaN }
    add("IsInf", since: 10) { call in
      let x = try call.tensor(0).wide
      switch (try call.flag("detect_negative", true), try call.flag("detect_positive", true)) {
      case (true, true): return x.isInfinite
      case (true, false): return x.isNegativeInfinity
      case (false, true): return x.isPositiveInfinity
      case (false, false): return Tensor.full(like: x, false, dtype: .bool)
      }
    }
  }
}
