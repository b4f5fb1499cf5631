import EmberFunctional
import EmberRuntime
import EmberTensor

/// Sampling between elements.
extension OperatorTable {
  mutating func addResizing() {
    add("Upsample", numbers: [1]) { call in
      let x = try call.tensor(0)
      var scales = try call.version >= 9 ? call.doubles(1) : call.doubles("scales") ?? []
      if scales.isEmpty, let height = try call.double("height_scale"), let width = try call.double("width_scale") {
        scales = [1, 1, height, width]
      }
      let mode = try call.string("mode", oneOf: ["nearest", "linear", "bilinear"])
      var resize = Resize(mode: mode == "nearest" ? .nearest : .linear, coordinates: .asymmetric, rounding: .floor)
      resize.set(axes: Array(0..<x.rank), scales: scales)
      return try resize(x, call)
    }
    // The first version knew nothing but what `Upsample` did.
    add("Resize", since: 10, numbers: [1]) { call in
      let x = try call.tensor(0)
      let mode = try call.string("mode", oneOf: ["nearest", "linear", "bilinear"])
      var resize = Resize(mode: mode == "nearest" ? .nearest : .linear, coordinates: .asymmetric, rounding: .floor)
      resize.set(axes: Array(0..<x.rank), scales: try call.doubles(1))
      return try resize(x, call)
    }
    add("Resize", since: 11, numbers: [1, 2, 3]) { call in
      let x = try call.tensor(0)
      return try Resize(call, x)(x, call)
    }
    add("GridSample", since: 16) { call in
      let x = try call.tensor(0), grid = try call.tensor(1)
      // Version 20 renamed the modes.
      let mode: GridSampleMode =
        switch try call.string("mode", oneOf: call.version < 20 ? ["bilinear", "nearest", "bicubic"] : ["linear", "nearest", "cubic"]) {
        case "nearest": .nearest
        case "bicubic", "cubic": .bicubic
        default: .bilinear
        }
      let padding: GridSamplePadding =
        switch try call.string("padding_mode", oneOf: ["zeros", "border", "reflection"]) {
        case "border": .border
        case "reflection": .reflection
        default: .zeros
        }
      return x.gridSample(grid.to(x.dtype), mode: mode, paddingMode: padding, alignCorners: try call.flag("align_corners"))
    }
    add("AffineGrid", since: 20, numbers: [1]) { call in
      try call.tensor(0).affineGrid(try call.ints(1), alignCorners: try call.flag("align_corners"))
    }
  }
}

/// Resizing as the operator of version 11 and later defines it, one dimension after the other.
private struct Resize {
  enum Mode { case nearest, linear, cubic }
  enum Coordinates: String, CaseIterable {
    case halfPixel = "half_pixel"
    case halfPixelSymmetric = "half_pixel_symmetric"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric = "asymmetric"
    case cropAndResize = "tf_crop_and_resize"
    case halfPixelForNearest = "tf_half_pixel_for_nn"
  }
  enum Rounding: String, CaseIterable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor = "floor"
    case ceil = "ceil"
  }

  var mode: Mode
  var coordinates: Coordinates
  var rounding: Rounding
  var cubicCoefficient = -0.75
  var excludesOutside = false
  var antialias = false
  var extrapolation = 0.0
  /// Of each resized axis: factor, wanted extent, and the region of the input (start and end, as parts of the extent).
  var axes: [Int] = []
  var scales: [Double]?
  var sizes: [Int]?
  var keepsRatio: String?
  var regions: [(start: Double, end: Double)]?

  init(mode: Mode, coordinates: Coordinates, rounding: Rounding) {
    self.mode = mode
    self.coordinates = coordinates
    self.rounding = rounding
  }

  init(_ call: OperatorCall, _ x: Tensor) throws {
    mode =
      switch try call.string("mode", oneOf: ["nearest", "linear", "cubic"]) {
      case "linear": .linear
      case "cubic": .cubic
      default: .nearest
      }
    coordinates = Coordinates(
      rawValue: try call.string("coordinate_transformation_mode", oneOf: Coordinates.allCases.map(\.rawValue)))!
    rounding = Rounding(rawValue: try call.string("nearest_mode", oneOf: Rounding.allCases.map(\.rawValue)))!
    cubicCoefficient = try call.double("cubic_coeff_a", -0.75)
    excludesOutside = try call.flag("exclude_outside")
    extrapolation = try call.double("extrapolation_value", 0)
    antialias = try call.flag("antialias")
    axes = try call.wrapped(try call.ints("axes") ?? Array(0..<x.rank), x.rank)
    if call.has(3), let given = try call.optionalInts(3), !given.isEmpty {
      sizes = given
      keepsRatio = try call.string("keep_aspect_ratio_policy", oneOf: ["stretch", "not_larger", "not_smaller"])
    } else {
      scales = try call.doubles(2)
    }
    if coordinates == .cropAndResize {
      let roi = try call.doubles(1)
      guard roi.count == 2 * axes.count else { throw call.failure("a region of \(roi.count) numbers for \(axes.count) axes", .shape) }
      regions = axes.indices.map { (roi[$0], roi[$0 + axes.count]) }
    }
  }

  mutating func set(axes: [Int], scales: [Double]) {
    self.axes = axes
    self.scales = scales
  }

  func callAsFunction(_ x: Tensor, _ call: OperatorCall) throws -> Tensor {
    var plans: [(axis: Int, output: Int, scale: Double, region: (start: Double, end: Double)?)] = []
    if let sizes {
      guard sizes.count == axes.count, sizes.allSatisfy({ $0 > 0 && $0 < 1 << 40 }) else {
        throw call.failure("sizes \(sizes) for axes \(axes)", .shape)
      }
      var factors = axes.indices.map { Double(sizes[$0]) / Double(x.shape[axes[$0]]) }, outputs = sizes
      if keepsRatio == "not_larger" || keepsRatio == "not_smaller" {
        let factor = (keepsRatio == "not_larger" ? factors.min() : factors.max()) ?? 1
        factors = factors.map { _ in factor }
        let exact = axes.map { (factor * Double(x.shape[$0])).rounded(.toNearestOrAwayFromZero) }
        guard exact.allSatisfy({ $0 < 0x1p26 }) else { throw call.failure("sizes \(sizes) of \(describe(x))", .memory) }
        outputs = exact.map { Int($0) }
      }
      for i in axes.indices { plans.append((axes[i], outputs[i], factors[i], regions?[i])) }
    } else {
      let scales = scales ?? []
      guard scales.count == axes.count, scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
        throw call.failure("factors \(scales) for axes \(axes); there must be one positive number for each", .shape)
      }
      for i in axes.indices {
        let extent = Double(x.shape[axes[i]])
        let length = regions.map { $0[i].end - $0[i].start } ?? 1
        let output = (extent * length * scales[i]).rounded(.down)
        guard output < 0x1p26 else { throw call.failure("a factor of \(scales[i]) for \(describe(x))", .memory) }
        plans.append((axes[i], Int(max(output, 0)), scales[i], regions?[i]))
      }
    }
    let isIntegral = !x.dtype.isFloatingPoint
    var result = isIntegral && mode != .nearest ? x.to(.float32) : x
    var outside: [(axis: Int, places: [Bool])] = []
    for plan in plans {
      let input = x.shape[plan.axis]
      if plan.output == input, plan.scale == 1, plan.region == nil { continue }
      guard input > 0 || plan.output == 0 else { throw call.failure("\(describe(x)) has nothing to sample along dimension \(plan.axis)", .shape) }
      // Weights are laid out for every output position.
      guard plan.output <= 1 << 26 else { throw call.failure("\(plan.output) positions along dimension \(plan.axis)", .memory) }
      let places = positions(input, plan.output, plan.scale, plan.region)
      guard places.allSatisfy({ abs($0) < 0x1p40 }), !antialias || 1 / plan.scale < 0x1p16 else {
        throw call.failure("factors or regions that lead far outside of \(describe(x))", .value)
      }
      if coordinates == .cropAndResize {
        outside.append((plan.axis, places.map { $0 < 0 || $0 > Double(input - 1) }))
      }
      result = sampled(result, plan.axis, places, scale: plan.scale)
    }
    for (axis, places) in outside where places.contains(true) {
      let mask = Tensor(places, shape: (0..<x.rank).map { $0 == axis ? places.count : 1 })
      result = result.maskedFill(mask, .real(extrapolation))
    }
    guard isIntegral, mode != .nearest else { return result.to(x.dtype) }
    let range = ONNXElementType(x.dtype)?.integerRange ?? 0...1
    return result.round().clamp(min: Double(range.lowerBound), max: Double(range.upperBound)).to(x.dtype)
  }

  /// Where each output element lies between the input's.
  private func positions(_ input: Int, _ output: Int, _ scale: Double, _ region: (start: Double, end: Double)?) -> [Double] {
    let extent = Double(input), exact = extent * scale
    return (0..<output).map { i in
      let place = Double(i)
      switch coordinates {
      case .halfPixel: return (place + 0.5) / scale - 0.5
      case .halfPixelSymmetric:
        // The output is centred on what its exact extent would cover.
        let centre = extent / 2, offset = centre * (1 - Double(output) / exact)
        return offset + (place + 0.5) / scale - 0.5
      case .pytorchHalfPixel: return output > 1 ? (place + 0.5) / scale - 0.5 : 0
      case .alignCorners:
        // The exact extent counts here as well, where factors are given.
        return exact <= 1 || output <= 1 ? 0 : place * (extent - 1) / ((sizes == nil ? exact : Double(output)) - 1)
      case .asymmetric: return place / scale
      case .halfPixelForNearest: return (place + 0.5) / scale
      case .cropAndResize:
        let (start, end) = region!
        if output <= 1 { return 0.5 * (start + end) * (extent - 1) }
        return start * (extent - 1) + place * (end - start) * (extent - 1) / Double(output - 1)
      }
    }
  }

  private func sampled(_ x: Tensor, _ axis: Int, _ places: [Double], scale: Double) -> Tensor {
    let last = x.shape[axis] - 1
    func picked(_ index: [Int]) -> Tensor { x.indexSelect(axis, Tensor(index.map { min(max($0, 0), last) }, on: x.device)) }
    if mode == .nearest { return picked(places.map(nearest)) }
    let stretch = antialias && scale < 1 ? scale : 1
    let reach = Int(((mode == .linear ? 1 : 2) / stretch).rounded(.up))
    // Neighbours from `1 - reach` to `reach` around each place, with their weights.
    let offsets = Array((1 - reach)...reach)
    if places.count * offsets.count > 1 << 26 {
      raise(EmberError(.memory, in: "Resize", "\(places.count) positions with \(offsets.count) neighbours each"))
      return .poison
    }
    var weights = places.map { place in
      let fraction = place - place.rounded(.down)
      return offsets.map { weight((Double($0) - fraction) * stretch) }
    }
    for (i, place) in places.enumerated() {
      let base = Int(place.rounded(.down))
      if excludesOutside || stretch < 1 {
        for (j, offset) in offsets.enumerated() where excludesOutside && !(0...last).contains(base + offset) { weights[i][j] = 0 }
        let sum = weights[i].reduce(0, +)
        if sum != 0 { weights[i] = weights[i].map { $0 / sum } }
      }
    }
    let shape = (0..<x.rank).map { $0 == axis ? places.count : 1 }
    var result: Tensor?
    for (j, offset) in offsets.enumerated() where weights.contains(where: { $0[j] != 0 }) {
      let factor = Tensor(weights.map { $0[j] }, shape: shape, dtype: x.dtype.size < 4 ? .float32 : x.dtype, on: x.device)
      let part = picked(places.map { Int($0.rounded(.down)) + offset }) * factor
      result = result.map { $0 + part } ?? part
    }
    return result ?? Tensor.zeros(Array(x.shape.replacing(axis, with: places.count)), dtype: x.dtype)
  }

  private func nearest(_ place: Double) -> Int {
    switch rounding {
    case .floor: Int(place.rounded(.down))
    case .ceil: Int(place.rounded(.up))
    case .preferFloor: Int((place - 0.5).rounded(.up))
    case .preferCeil: Int((place + 0.5).rounded(.down))
    }
  }

  /// The filter at a distance, in input elements: a triangle, or Keys' cubic convolution (IEEE ASSP 29, 1981).
  private func weight(_ distance: Double) -> Double {
    let x = abs(distance), a = cubicCoefficient
    if mode == .linear { return max(1 - x, 0) }
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    if x < 2 { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return 0
  }
}
