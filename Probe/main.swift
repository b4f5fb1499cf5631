import EmberTorchScript
let only = CommandLine.arguments.dropFirst().first
for one in try FixtureCase.all("Tests/Fixtures/torchscript.pt") where only == nil || one.name == only {
  let problems = one.problems()
  print(one.name, problems.isEmpty ? "ok" : "")
  for problem in problems { print("   ", problem) }
}
