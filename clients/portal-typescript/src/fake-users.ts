// User API and events API of the fake server.

import { FakeError, NoDevices } from "./fake-errors.ts";
import type { Fields } from "./fake-portal.ts";
import type { FakeDevice } from "./fake-state.ts";

const CODE_LIFETIME_MS = 600_000;

/** Devices and enrolment codes of all users. */
export class UserApi {
  readonly #devices: FakeDevice[];
  readonly #applications: readonly string[];
  readonly #now: () => number;

  constructor(devices: FakeDevice[], applications: readonly string[], now: () => number) {
    this.#devices = devices;
    this.#applications = applications;
    this.#now = now;
  }

  createEnrollmentCode(_userId: string, fields: Fields): Fields {
    const { application_id: applicationId } = fields;
    if (typeof applicationId !== "string") throw new FakeError("invalid_request", "application_id: required.");
    if (!this.#applications.includes(applicationId)) throw new FakeError("not_found");
    const code = crypto.randomUUID().replaceAll("-", "");
    const parameters = new URLSearchParams({ server: "https://fake.invalid", application_id: applicationId, code });
    return {
      enrollment_code: code,
      enrollment_uri: `countersign://enroll?${parameters.toString()}`,
      expires_at: Math.floor(this.#now() + CODE_LIFETIME_MS),
    };
  }

  list(userId: string): Fields {
    const owned = this.#devices.filter((device) => device.userId === userId);
    if (owned.length === 0) throw new NoDevices();
    return { devices: owned.map((device) => device.toJson()) };
  }

  delete(userId: string, deviceId: string): void {
    this.#remove((device) => device.userId === userId && device.deviceId === deviceId);
  }

  deleteListed(userId: string, fields: Fields): void {
    const ids: unknown[] = Array.isArray(fields.delete) ? fields.delete : [];
    this.#remove((device) => device.userId === userId && ids.includes(device.deviceId));
  }

  deleteAll(userId: string): void {
    this.#remove((device) => device.userId === userId);
  }

  disable(userId: string, deviceId: string, action: string): void {
    for (const device of this.#devices) {
      if (device.userId !== userId || device.deviceId !== deviceId) continue;
      if (action === "disableFingerprint") {
        device.tokenTypes = device.tokenTypes.filter((name) => name !== "FINGER_PRINT");
      } else {
        device.isEnrolledForPush = false;
        device.isEnrolled &&= action === "disablePushAuthentication";
      }
    }
  }

  #remove(isRemoved: (device: FakeDevice) => boolean): void {
    this.#devices.splice(0, this.#devices.length, ...this.#devices.filter((device) => !isRemoved(device)));
  }
}

/** Event of the audit log, with the members of the API. */
export interface FakeEvent extends Fields {
  event_type: string;
  occurred: number;
}

/** Return one page of events. `rows` begin with the oldest. */
export function eventsPage(rows: readonly FakeEvent[], query: URLSearchParams): Fields {
  const page = Number(query.get("page") ?? 0);
  const size = Number(query.get("size") ?? 20);
  if (!(page >= 0 && size >= 1 && size <= 1000)) throw new FakeError("invalid_request");
  const matching = rows.filter((row) => matches(row, query)).reverse();
  const total = matching.length;
  const pagination = { page, size, total_elements: total, total_pages: Math.ceil(total / size) };
  return { result_set: matching.slice(page * size, (page + 1) * size), pagination };
}

function matches(row: FakeEvent, query: URLSearchParams): boolean {
  const included = query.getAll("event_type");
  const same = ["user_id", "client_id", "transaction_id"];
  return (
    same.every((name) => !query.has(name) || row[name] === query.get(name)) &&
    (included.length === 0 || included.includes(row.event_type)) &&
    !query.getAll("exclude_event_type").includes(row.event_type) &&
    row.occurred >= Number(query.get("start_date") ?? 0) &&
    row.occurred <= Number(query.get("end_date") ?? Infinity)
  );
}
