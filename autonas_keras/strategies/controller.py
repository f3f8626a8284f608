from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any
import bisect
import numpy as np

from autonas_keras.spaces import Architecture, Option, Space
from autonas_keras.strategies.base import Reward, Strategy, check_count, check_share
from autonas_keras.strategies.lstm import Adam, ControllerNetwork, check_decay, check_positive, pack, unpack

BLOCK = 16

class Reinforce(Strategy):
    def __init__(self, space, algorithm="reinforce", *, units=64, learning_rate=0.01, batch_size=5, epochs=1, clip=0.2,
                 entropy_weight=0.0, baseline_decay=0.95, normalize="std", temperature=1.0, tanh_constant=None,
                 beta_1=0.9, beta_2=0.999, epsilon=1e-8, free=1, scale=0.1, window=10**9, dtype="float32", replay=0, **kwargs):
        super().__init__(space, **kwargs)
        self.__dict__.update({k: v for k, v in locals().items() if k not in ("self", "kwargs", "space", "__class__")})
        self.network = ControllerNetwork(space, units, rng=self.rng, temperature=temperature, tanh_constant=tanh_constant, scale=scale, dtype=dtype)
        self.optimizer = Adam(self.network.parameters.size, learning_rate, beta_1, beta_2, epsilon, dtype)
        self.drawn = deque(); self.batch = []
        self.W = self.mean = self.S = 0.0
        self.seen = []; self.nup = 0; self.nrep = 0; self.repeats = 0; self.last=None; self.old={}
        self.hist=[]

    def _suggest(self):
        if not self.drawn:
            r = self.network.sample(self.rng, BLOCK)
            self.drawn.extend(zip(r.codes.tolist(), r.log_prob.tolist()))
        code, lp = self.drawn.popleft()
        self.last = (code, lp)
        return self.space.decode(code)

    def _proposed(self, a):
        code = self.space.encode(a).tolist()
        if self.last and self.last[0] == code:
            self.old[self.code(a)] = self.last[1]
        self.repeats = 0

    def _repeat(self, a, known):
        self.nrep += 1; self.repeats += 1
        if isinstance(known, float) and self.free and self.repeats <= self.free:
            self.take(self.last[0], known, self.last[1], False)

    def _learn(self, a, reward):
        lp = self.old.pop(self.code(a), None)
        if reward is None: return
        code = self.space.encode(a).tolist()
        self.hist.append((code, reward))
        self.take(code, reward, lp, True)

    def take(self, code, reward, lp, new):
        self.W = self.baseline_decay * self.W + 1
        delta = reward - self.mean
        self.mean += delta / self.W
        self.S = self.baseline_decay * self.S + delta * (reward - self.mean)
        if new: bisect.insort(self.seen, reward)
        self.batch.append((code, reward, lp))
        if len(self.batch) >= self.batch_size: self.update()

    def adv(self, rewards):
        if self.normalize == "std":
            sd = (self.S / self.W) ** 0.5
            return (rewards - self.mean) / sd if sd > 0 else 0 * rewards
        if self.normalize == "batch":
            sd = rewards.std()
            return (rewards - rewards.mean()) / sd if sd > 0 else 0 * rewards
        s = np.array(self.seen)
        lo, hi = np.searchsorted(s, rewards, "left"), np.searchsorted(s, rewards, "right")
        q = (lo + hi) / 2 / len(s)  # 0..1
        if self.normalize == "rank": return 2 * q - 1
        if self.normalize == "top": return np.where(q > .8, (q - .8) / .2, -.25 )
        from statistics import NormalDist
        if self.normalize == "gauss": return np.array([NormalDist().inv_cdf(float(x)) for x in q * (1-1e-9)])
        if self.normalize == "log": return -np.log(1 - q + 0.5/len(s)) - 1

    def update(self):
        codes = np.array([b[0] for b in self.batch]); rewards = np.array([b[1] for b in self.batch])
        adv = self.adv(rewards)
        if self.replay and len(self.hist) > 5:
            top = sorted(self.hist, key=lambda p: -p[1])[:self.replay]
            codes = np.concatenate([codes, [t[0] for t in top]]); adv = np.concatenate([adv, np.full(len(top), 0.5)])
        old = None
        n = len(codes)
        for e in range(self.epochs):
            ro = self.network.evaluate(codes)
            if self.algorithm == "ppo":
                if old is None: old = ro.log_prob.copy()
                ratio = np.exp(ro.log_prob - old)
                clipped = ((adv > 0) & (ratio > 1 + self.clip)) | ((adv < 0) & (ratio < 1 - self.clip))
                w = np.where(clipped, 0, ratio) * adv
            else:
                w = adv
            g = self.network.gradient(ro, w / n, self.entropy_weight / n)
            self.optimizer.ascend(self.network.parameters, g)
        self.nup += 1
        self.batch = []; self.drawn.clear()
