/** A dockerd of a test's own, all of it below one folder, and what it leaves behind when it is killed. */
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.js';

/** The folder's path is short: sockets are in it. */
export function daemonArguments(folder: string): { readonly host: string; readonly args: readonly string[] } {
  const host = `unix://${folder}/d.sock`;
  const args = [
    '--bridge=none',
    '--iptables=false',
    '--ip-masq=false',
    '--exec-opt=native.cgroupdriver=cgroupfs',
    `--cgroup-parent=/${groupName(folder)}`,
    `--host=${host}`,
    `--pidfile=${folder}/pid`,
    `--data-root=${folder}/data-root`,
    `--exec-root=${folder}/exec-root`,
  ];
  return { host, args };
}

/** A new daemon that still sees the old one's containerd waits for it, in vain. */
export async function containerdEnded(folder: string): Promise<void> {
  const file = join(folder, 'exec-root/containerd/containerd.pid');
  const pid = Number(await readFile(file, 'utf8').catch(() => '0'));
  await until("the old daemon's containerd has ended", () => pid === 0 || !isAlive(pid));
}

/**
 * Ends shims, which have the folder in their arguments, and what is in the daemon's control group: a container that it
 * had begun to start waits for it for ever. Takes the mounts below the folder away.
 */
export async function clearDaemon(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`${folder}/`) && Number(pid) !== process.pid) kill(Number(pid));
  }
  await clearGroup(groupName(folder));
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    spawnSync('umount', ['--lazy', mount]);
}

function groupName(folder: string): string {
  return `layerwright-test-${hash('sha256', folder).slice(0, 12)}`;
}

/** Ends what runs in a control group, and removes it from every hierarchy. */
async function clearGroup(name: string): Promise<void> {
  const hierarchies = '/sys/fs/cgroup';
  const entries = await readdir(hierarchies).catch(() => []);
  for (const group of [hierarchies, ...entries.map((entry) => join(hierarchies, entry))].map((at) => join(at, name)))
    await until(`${group} is empty`, () => removeGroup(group));
}

/** False while something of it ends. */
async function removeGroup(group: string): Promise<boolean> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => null);
  if (entries === null) return true;
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(group, entry.name));
  const pids = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '');
  for (const pid of pids.split('\n').filter((line) => line !== '')) kill(Number(pid));
  return rmdir(group).then(
    () => true,
    () => false,
  );
}

/** 0 stands for a process that can't be seen from here; to `kill` it would be our own group. */
function kill(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
