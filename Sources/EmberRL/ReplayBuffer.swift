import EmberRuntime
public import EmberTensor

/// Steps of environments, a row each: what was seen, what was done, what it brought.
public struct Transitions: Sendable {
  public var observations, actions, rewards, reached: Tensor
  /// Whether the task was over with the step, as Booleans; a step that was merely the last one before a time limit is not.
  public var terminated: Tensor

  public init(observations: Tensor, actions: Tensor, rewards: Tensor, reached: Tensor, terminated: Tensor) {
    self.observations = observations
    self.actions = actions
    self.rewards = rewards
    self.reached = reached
    self.terminated = terminated
  }

  fileprivate var columns: [Tensor] { [observations, actions, rewards, reached, terminated] }
  fileprivate init(columns: [Tensor]) {
    self.init(observations: columns[0], actions: columns[1], rewards: columns[2], reached: columns[3], terminated: columns[4])
  }
}

/// The last `capacity` steps, to learn from again and again in random order (Lin, 1992; Mnih et al., arXiv:1312.5602).
public struct ReplayBuffer: Sendable {
  public let capacity: Int
  public private(set) var count = 0
  /// Made by the first rows, which decide shapes and dtypes.
  private var columns: [Tensor] = []
  /// Where the next row goes.
  private var position = 0

  public init(capacity: Int) {
    precondition(capacity > 0, "ReplayBuffer: a capacity of \(capacity); at least one step must fit")
    self.capacity = capacity
  }

  /// Adds rows; the oldest make room.
  public mutating func append(_ transitions: Transitions) throws {
    let rows = transitions.columns.map { $0.detach() }
    let added = rows[0].rank > 0 ? rows[0].shape[0] : 0
    guard added <= capacity, rows.allSatisfy({ $0.rank > 0 && $0.shape[0] == added }) else {
      throw EmberError(.shape, in: "ReplayBuffer", "rows \(rows.map(\.shape)) for a buffer of \(capacity); all need the same number")
    }
    if columns.isEmpty { columns = rows.map { Tensor.empty([capacity] + $0.shape.dropFirst(), dtype: $0.dtype, on: $0.device) } }
    for (row, column) in zip(rows, columns)
    where !row.shape.dropFirst().elementsEqual(column.shape.dropFirst()) || row.dtype != column.dtype {
      throw EmberError(.shape, in: "ReplayBuffer", "a row of \(row.dtype)\(row.shape) in a column of \(column.dtype)\(column.shape)")
    }
    try catchingErrors {
      var done = 0
      while done < added {
        let part = min(added - done, capacity - position)
        for i in columns.indices { columns[i][position..<position + part] = rows[i][done..<done + part] }
        done += part
        position = (position + part) % capacity
      }
    }
    count = min(count + added, capacity)
  }

  /// Rows drawn with equal chances, the same one perhaps more than once.
  public func sample(_ rows: Int, generator: Generator? = nil) throws -> Transitions {
    guard count > 0, rows >= 0 else { throw EmberError(.value, in: "ReplayBuffer", "\(rows) rows of a buffer with \(count)") }
    return try catchingErrors {
      let chosen = Tensor.randint(0, count, [rows], generator: generator)
      return Transitions(columns: columns.map { $0.indexSelect(0, chosen) })
    }
  }
}
