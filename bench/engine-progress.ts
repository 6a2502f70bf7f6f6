import type Docker from 'dockerode';

/** Resolves when the engine has done what it streams the progress of; throws the fault that it tells on the way. */
export function ended(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, output: { error?: string }[]) => {
      const fault = output.find((one) => one.error !== undefined)?.error;
      if (error !== null || fault !== undefined) reject(error ?? new Error(fault));
      else resolve();
    });
  });
}
