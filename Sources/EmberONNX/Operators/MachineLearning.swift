import EmberFunctional
import EmberRuntime
import EmberTensor

/// The domain `ai.onnx.ml`: preparation of features, linear models, tables.
extension OperatorTable {
  mutating func addMachineLearning() {
    let domain = "ai.onnx.ml"
    add("Binarizer", domain: domain) { call in
      let x = try call.tensor(0)
      return (x .> (try call.double("threshold", 0))).to(x.dtype)
    }
    add("LabelEncoder", domain: domain) { call in
      let x = try call.value(0)
      // The first version had one list of texts, numbered by position.
      let classes = try call.required(try call.strings("classes_strings"), "classes_strings")
      if case .strings = x {
        let table = Dictionary(zip(classes, classes.indices.map { $0 }), uniquingKeysWith: { $1 })
        return try translated(call, x, table: table, fallback: try call.int("default_int64", -1))
      }
      let table = Dictionary(uniqueKeysWithValues: classes.enumerated().map { (String($0), $1) })
      return try translated(call, x, table: table, fallback: try call.string("default_string") ?? "_Unused")
    }
    add("LabelEncoder", since: 2, domain: domain) { call in try encodedLabels(call) }
    add("CategoryMapper", domain: domain) { call in
      let x = try call.value(0)
      let numbers = try call.required(try call.ints("cats_int64s"), "cats_int64s")
      let texts = try call.required(try call.strings("cats_strings"), "cats_strings")
      guard numbers.count == texts.count else { throw call.failure("\(texts.count) texts for \(numbers.count) numbers") }
      if case .strings = x {
        let table = Dictionary(zip(texts, numbers), uniquingKeysWith: { $1 })
        return try translated(call, x, table: table, fallback: try call.int("default_int64", -1))
      }
      let table = Dictionary(zip(numbers.map(String.init), texts), uniquingKeysWith: { $1 })
      return try translated(call, x, table: table, fallback: try call.string("default_string") ?? "_Unused")
    }
    add("FeatureVectorizer", domain: domain) { call in
      let parts = try call.tensors().map { ($0.rank == 1 ? $0.unsqueeze(0) : $0).to(.float32) }
      guard !parts.isEmpty else { throw call.failure("it needs at least one input") }
      return cat(parts, dim: 1)
    }
    add("Imputer", domain: domain) { call in
      let x = try call.tensor(0, minimumRank: 1)
      let isReal = x.dtype.isFloatingPoint
      let values = try isReal ? call.doubles("imputed_value_floats") : call.ints("imputed_value_int64s")?.map(Double.init)
      let old = try isReal ? call.double("replaced_value_float", 0) : Double(call.int("replaced_value_int64", 0))
      let new = try call.required(values, "imputed_value")
      guard new.count == 1 || new.count == x.shape[x.rank - 1] else { throw call.failure("\(new.count) values for \(describe(x))", .shape) }
      return `where`(old.isNaN ? x.isNaN : x .== old, Tensor(new, dtype: x.dtype), x)
    }
    add("Normalizer", domain: domain) { call in
      let x = try call.tensor(0, minimumRank: 1).to(.float32)
      let divisor =
        switch try call.string("norm", oneOf: ["MAX", "L1", "L2"]) {
        case "MAX": x.amax([-1], keepDim: true)
        case "L1": x.abs().sum(-1, keepDim: true)
        default: x.square().sum(-1, keepDim: true).sqrt()
        }
      return x / divisor.maskedFill(divisor .== 0, 1)
    }
    add("Scaler", domain: domain) { call in
      let x = try call.tensor(0).to(.float32)
      let offset = try call.doubles("offset") ?? [0], scale = try call.doubles("scale") ?? [1]
      return (x - Tensor(offset)) * Tensor(scale)
    }
    add("OneHotEncoder", domain: domain) { call in
      let value = try call.value(0)
      let allowsOthers = try call.flag("zeros", true)
      let positions: [Int?], count: Int
      if case .strings(let strings) = value {
        let categories = try call.required(try call.strings("cats_strings"), "cats_strings")
        positions = strings.elements.map { categories.firstIndex(of: $0) }
        count = categories.count
      } else {
        let categories = try call.required(try call.ints("cats_int64s"), "cats_int64s")
        positions = try call.tensor(0).elementsOrThrow(as: Int.self).map { categories.firstIndex(of: $0) }
        count = categories.count
      }
      guard allowsOthers || !positions.contains(nil) else { throw call.failure("an element that is no category") }
      let places = Tensor(positions.map { $0 ?? -1 }, shape: (value.shape ?? []) + [1])
      return (places .== Tensor.arange(count)).to(.float32)
    }
    add("LinearRegressor", domain: domain) { call in
      let x = try call.tensor(0, minimumRank: 1).to(.float32), targets = try call.int("targets", 1)
      return transformed(try linearScores(call, x, targets), try call.string("post_transform") ?? "NONE")
    }
    add("LinearClassifier", domain: domain) { call in
      let x = try call.tensor(0, minimumRank: 1).to(.float32)
      let labels = try ClassLabels(call, "classlabels_ints", "classlabels_strings")
      let coefficients = try call.required(try call.doubles("coefficients"), "coefficients")
      let features = max(x.shape[x.rank - 1], 1)
      let scores = try linearScores(call, x, max(coefficients.count / features, 1))
      return [try labels.chosen(scores), .tensor(try binaryScores(call, scores, labels.count))] as [ONNXValue]
    }
  }
}

/// x Wᵀ + b, with W and b from the attributes.
private func linearScores(_ call: OperatorCall, _ x: Tensor, _ count: Int) throws -> Tensor {
  let rows = x.rank == 1 ? x.unsqueeze(0) : x
  let coefficients = try call.required(try call.doubles("coefficients"), "coefficients")
  guard rows.rank == 2, count > 0, coefficients.count == count * rows.shape[1] else {
    throw call.failure("\(coefficients.count) coefficients for \(describe(x))", .shape)
  }
  let intercepts = try call.doubles("intercepts").flatMap { $0.isEmpty ? nil : $0 }
  guard intercepts.map({ $0.count == count }) ?? true else { throw call.failure("\(intercepts!.count) intercepts for \(count) scores", .shape) }
  return rows.linear(Tensor(coefficients, shape: [count, rows.shape[1]]), intercepts.map { Tensor($0) })
}

/// One score for two classes becomes one for each.
func binaryScores(_ call: OperatorCall, _ scores: Tensor, _ classes: Int) throws -> Tensor {
  let transform = try call.string("post_transform") ?? "NONE"
  guard classes == 2, scores.shape[1] == 1 else { return transformed(scores, transform) }
  let one = transformed(scores, transform)
  return cat([transform == "NONE" ? -one : 1 - one, one], dim: 1)
}

/// What is done to scores [batch, classes] in the end.
func transformed(_ scores: Tensor, _ name: String) -> Tensor {
  switch name {
  case "SOFTMAX": scores.softmax(-1)
  case "LOGISTIC": scores.sigmoid()
  case "SOFTMAX_ZERO":
    // Scores of 0 stay so.
    softmaxOfNonzero(scores)
  case "PROBIT": (scores * 2 - 1).erfinv() * 2.0.squareRoot()
  default: scores
  }
}

private func softmaxOfNonzero(_ scores: Tensor) -> Tensor {
  let isZero = scores .== 0
  let weights = (scores - scores.amax([-1], keepDim: true)).exp().maskedFill(isZero, 0)
  let sum = weights.sum(-1, keepDim: true)
  return weights / sum.maskedFill(sum .== 0, 1)
}

/// The classes of a classifier, numbers or texts.
struct ClassLabels {
  private let numbers: [Int]?
  private let texts: [String]?

  var count: Int { numbers?.count ?? texts?.count ?? 0 }

  init(_ call: OperatorCall, _ numberName: String, _ textName: String) throws {
    let given = try call.ints(numberName) ?? []
    texts = given.isEmpty ? try call.required(try call.strings(textName), textName) : nil
    numbers = given.isEmpty ? nil : given
    guard count > 0 else { throw call.failure("there are no classes") }
  }

  /// The class with the largest score; of a single score, the second class where it is above 0.
  func chosen(_ scores: Tensor, threshold: Double = 0) throws -> ONNXValue {
    let positions = try scores.shape[1] == 1
      ? scores.select(1, 0).elementsOrThrow(as: Double.self).map { $0 > threshold ? 1 : 0 }
      : scores.argmax(1).elementsOrThrow(as: Int.self)
    let places = positions.map { min($0, count - 1) }
    if let numbers { return .tensor(Tensor(places.map { numbers[$0] })) }
    return .strings(ONNXStrings(shape: [places.count], places.map { texts![$0] }))
  }
}

// MARK: - Tables

/// Elements as keys of a table: numbers by their text, so that all kinds share one form.
private func keys(_ call: OperatorCall, _ value: ONNXValue) throws -> [String] {
  switch value {
  case .strings(let strings): return strings.elements
  case .tensor(let tensor) where tensor.dtype.isInteger: return try tensor.elementsOrThrow(as: Int.self).map(String.init)
  case .tensor(let tensor): return try tensor.elementsOrThrow(as: Double.self).map { $0.isNaN ? "nan" : String($0 == 0 ? 0 : $0) }
  default: throw call.failure("\(value.summary), where a tensor is needed", .dtype)
  }
}

private func translated(_ call: OperatorCall, _ value: ONNXValue, table: [String: Int], fallback: Int) throws -> ONNXValue {
  .tensor(Tensor(try keys(call, value).map { table[$0] ?? fallback }, shape: value.shape ?? []))
}

private func translated(_ call: OperatorCall, _ value: ONNXValue, table: [String: String], fallback: String) throws -> ONNXValue {
  .strings(ONNXStrings(shape: value.shape ?? [], try keys(call, value).map { table[$0] ?? fallback }))
}

private func encodedLabels(_ call: OperatorCall) throws -> ONNXValue {
  func list(_ prefix: String) throws -> ONNXValue? {
    if let value = try call.value(prefix + "_tensor") { return value }
    if let texts = try call.strings(prefix + "_strings") { return .strings(ONNXStrings(shape: [texts.count], texts)) }
    if let numbers = try call.ints(prefix + "_int64s") { return .tensor(Tensor(numbers)) }
    return try call.doubles(prefix + "_floats").map { .tensor(Tensor($0.map { Float($0) })) }
  }
  let from = try keys(call, try call.required(try list("keys"), "keys"))
  let to = try call.required(try list("values"), "values")
  let count = to.shape?.reduce(1, *) ?? 0
  guard from.count == count else { throw call.failure("\(from.count) keys for \(count) values") }
  // The last of equal keys counts; what is in no table gets the position behind the values.
  let table = Dictionary(zip(from, from.indices.map { $0 }), uniquingKeysWith: { $1 })
  let input = try call.value(0)
  let places = Tensor(try keys(call, input).map { table[$0] ?? count }, shape: input.shape ?? [])
  let given = try call.value("default_tensor")
  switch to {
  case .strings(let texts):
    var fallback = try call.string("default_string") ?? "_Unused"
    if case .strings(let strings)? = given, let first = strings.elements.first { fallback = first }
    return .strings(try ONNXStrings(shape: [count + 1], texts.elements + [fallback]).picked(places))
  case .tensor(let values):
    let number: Scalar = values.dtype.isInteger ? .integer(Int64(try call.int("default_int64", -1))) : .real(try call.double("default_float", -0.0))
    let fallback = given?.tensor.map { $0.reshape([$0.elementCount]).to(values.dtype) } ?? Tensor.full([1], number, dtype: values.dtype)
    guard fallback.elementCount == 1 else { throw call.failure("a default of \(fallback.elementCount) elements", .shape) }
    return .tensor(cat([values.reshape([count]), fallback]).index([places]))
  default: throw call.failure("values \(to.summary)", .dtype)
  }
}
