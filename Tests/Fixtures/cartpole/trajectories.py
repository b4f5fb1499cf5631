"""Writes trajectories.json: episodes of Gymnasium's CartPole-v1 (version 1.4.0), which EmberRLTests repeats.

    pip install gymnasium && python trajectories.py
"""

import json
import os

import gymnasium


def episode(seed, policy):
    environment = gymnasium.make("CartPole-v1")
    observation, _ = environment.reset(seed=seed)
    first = environment.unwrapped.state.tolist()
    actions, states, ends = [], [], []
    while True:
        action = policy(len(actions), observation)
        observation, reward, terminated, truncated, _ = environment.step(action)
        assert reward == 1
        actions.append(action)
        states.append(environment.unwrapped.state.tolist())
        if terminated or truncated:
            return {"seed": seed, "first": first, "actions": "".join(map(str, actions)), "last": states[-1],
                    "middle": states[len(states) // 2], "terminated": terminated, "truncated": truncated,
                    "states": states[:12]}


policies = [
    lambda t, o: 1,
    lambda t, o: t % 2,
    lambda t, o: int(o[2] + o[3] > 0),
    # Keeps the pole upright to the end of the episode.
    lambda t, o: int(0.1 * o[0] + 0.3 * o[1] + 2 * o[2] + o[3] > 0),
    lambda t, o: (t // 3) % 2,
]
episodes = [episode(seed, policy) for seed, policy in zip([0, 1, 123, 42, 2**40 + 5], policies)]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "trajectories.json"), "w") as file:
    json.dump(episodes, file, indent=1)
    file.write("\n")
print([(len(e["actions"]), e["terminated"], e["truncated"]) for e in episodes])
